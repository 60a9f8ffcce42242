"""Compares two implementations of a network stage by stage, and says where they part."""

import numpy as np
import torch


def randomise(module: torch.nn.Module, seed: int = 0) -> torch.nn.Module:
    """Noise in every parameter: a module's own initial values (ones, zeros) hide mistakes."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in module.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        if "norm" in name and name.endswith(("weight", "gamma")):
            noise = 1 + 0.3 * noise
        elif parameter.ndim > 1 and "table" not in name:
            noise = noise * parameter[0].numel() ** -0.5
        else:
            noise = 0.3 * noise
        parameter.data = noise.to(parameter.dtype)
    return module.eval()


class Recorder:
    """Keeps what parts of a torch module return while it runs, each as a float NumPy array."""

    def __init__(self, parts: dict[str, torch.nn.Module]):
        self.stages: dict[str, np.ndarray] = {}
        self._hooks = [part.register_forward_hook(self._keep(name)) for name, part in parts.items()]

    def _keep(self, name: str):
        def hook(module, inputs, output):
            self.stages[name] = output.detach().numpy()

        return hook

    def __enter__(self) -> dict[str, np.ndarray]:
        return self.stages

    def __exit__(self, *_):
        for hook in self._hooks:
            hook.remove()


def relative_error(ours, theirs) -> float:
    """||ours - theirs|| / ||theirs||."""
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    assert ours.shape == theirs.shape
    return float(np.linalg.norm(ours - theirs) / np.linalg.norm(theirs))


def assert_stages_equal(ours: dict, theirs: dict, tolerance: float) -> None:
    """Raises with the first stage whose relative L2 error exceeds the tolerance, and all errors."""
    assert ours.keys() == theirs.keys()
    errors = {name: relative_error(ours[name], theirs[name]) for name in theirs}
    departed = [name for name, error in errors.items() if not error <= tolerance]
    assert not departed, f"{departed[0]} departs first: {errors}"
