"""Model sizes: frozen dataclasses with named presets, stored as JSON beside every checkpoint."""

import dataclasses
import difflib
import json
import math
import typing
from collections.abc import Mapping
from typing import Any

# Per-channel statistics of the Wan2.1 latents: wan/modules/vae.py::WanVAE.
_LATENT_MEAN = (
    *(-0.7571, -0.7089, -0.9113, 0.1075, -0.1745, 0.9653, -0.1517, 1.5508),
    *(0.4134, -0.0715, 0.5517, -0.3632, -0.1922, -0.9497, 0.2503, -0.2921),
)
_LATENT_STD = (
    *(2.8184, 1.4541, 2.3275, 2.6558, 1.2196, 1.7708, 2.6052, 2.0743),
    *(3.2687, 2.1526, 2.8652, 1.5579, 1.6382, 1.1253, 2.8251, 1.9160),
)


@dataclasses.dataclass(frozen=True)
class VaeConfig:
    """The causal 3-D VAE: 3 x T x H x W pixels <-> z_dim x Tz x Hz x Wz latents.

    `multipliers` gives the width of each stage as a multiple of `base_dim`; between stages the
    resolution halves, and so does the frame rate where `temporal_down` says so. Squares of
    `patch` x `patch` pixels are one position to the network, with as many times the channels: 1 in
    Wan2.1, 2 in Wan2.2. The decoder may have another width, `decoder_base_dim`, as in Wan2.2.
    """

    base_dim: int = 96
    z_dim: int = 16
    multipliers: tuple[int, ...] = (1, 2, 4, 4)
    res_blocks: int = 2
    temporal_down: tuple[bool, ...] = (False, True, True)
    patch: int = 1
    decoder_base_dim: int | None = None
    latent_mean: tuple[float, ...] = _LATENT_MEAN
    latent_std: tuple[float, ...] = _LATENT_STD

    @property
    def decoder_dim(self) -> int:
        """As `base_dim`, of the decoder."""
        return self.decoder_base_dim or self.base_dim

    @property
    def spatial_stride(self) -> int:
        """Pixels per latent along height and width."""
        return self.patch * 2 ** (len(self.multipliers) - 1)

    @property
    def temporal_stride(self) -> int:
        """Frames per latent after the first, which stands for one frame."""
        return 2 ** sum(self.temporal_down)

    def latent_grid(self, frames: int, height: int, width: int) -> tuple[int, int, int]:
        """(Tz, Hz, Wz) of a clip; raises ValueError where the clip has no such grid."""
        time, space = self.temporal_stride, self.spatial_stride
        if frames < 1 or (frames - 1) % time or height % space or width % space:
            raise ValueError(
                f"a clip of {frames} frames of {height}x{width} does not fit the VAE: frames must "
                f"be {time}n+1, height and width multiples of {space}"
            )
        return 1 + (frames - 1) // time, height // space, width // space


@dataclasses.dataclass(frozen=True)
class DitConfig:
    """The diffusion transformer. The width D is heads * head_dim.

    `text_padding` says whether what lies beyond a prompt's end is attended to, as in Wan2.1.
    """

    layers: int
    heads: int
    head_dim: int
    ffn_dim: int
    text_dim: int = 4096
    text_length: int = 512
    text_padding: bool = True
    channels: int = 16
    patch: tuple[int, int, int] = (1, 2, 2)
    freq_dim: int = 256
    rope_length: int = 1024
    rope_theta: float = 10000.0
    eps: float = 1e-6

    @property
    def dim(self) -> int:
        return self.heads * self.head_dim

    @property
    def padded_length(self) -> int:
        """To which prompts are padded with what is attended to; 0 where nothing is."""
        return self.text_length if self.text_padding else 0

    @property
    def patch_dim(self) -> int:
        return math.prod(self.patch) * self.channels


@dataclasses.dataclass(frozen=True)
class TextConfig:
    """The UMT5 encoder.

    A text asks for the task whose prompt its features are nearest to, if the cosine is at least
    `threshold` (`thfm_jax.asking`); None where the encoder was not trained so.
    """

    layers: int = 24
    dim: int = 4096
    heads: int = 64
    head_dim: int = 64
    ffn_dim: int = 10240
    vocab_size: int = 256384
    buckets: int = 32
    max_distance: int = 128
    eps: float = 1e-6
    threshold: float | None = None


@dataclasses.dataclass(frozen=True)
class SparseConfig:
    """Keypoint tokens: one learnable token per joint and latent frame, read out by an MLP."""

    joints: int = 52
    hidden_dim: int = 512
    init_std: float = 0.02


@dataclasses.dataclass(frozen=True)
class ThfmConfig:
    """The whole model. Hashable, and enough to rebuild it next to its weights.

    `timestep` in [0, 1000] is the constant diffusion time fed to the trunk; `reading` says what the
    trunk's output is: "x0" the target latents themselves, "velocity" input minus target.
    `clip_area` in pixels and `clip_frames` tell what clips the weights are for.
    """

    name: str
    dit: DitConfig
    vae: VaeConfig = VaeConfig()
    text: TextConfig = TextConfig()
    sparse: SparseConfig = SparseConfig()
    timestep: float = 500.0
    reading: str = "x0"
    clip_area: int = 480 * 832
    clip_frames: int = 45

    def __post_init__(self):
        if self.reading not in ("x0", "velocity"):
            raise ValueError(f'reading must be "x0" or "velocity", not {self.reading!r}')
        if self.dit.channels != self.vae.z_dim:
            raise ValueError(
                f"the trunk reads {self.dit.channels} latent channels, the VAE has {self.vae.z_dim}"
            )
        if self.dit.text_dim != self.text.dim:
            raise ValueError(
                f"the trunk reads text of width {self.dit.text_dim}, "
                f"the text encoder gives {self.text.dim}"
            )

    @property
    def size_multiple(self) -> int:
        """Height and width of a clip must be multiples of this many pixels."""
        return self.vae.spatial_stride * self.dit.patch[1]


@dataclasses.dataclass(frozen=True)
class Compute:
    """How to run a model; no part of what the model is, so it is not stored with the weights.

    Attributes:
      dtype: dtype of the trunk's matmuls and attention; residual, norms, modulation and time path
        are float32 whatever it is (measured: 0.37 % error in bfloat16 against 1.03 % with a
        bfloat16 residual).
      vae_dtype: dtype of the VAE's convolutions.
      attention: "xla", "cudnn", "splash", or "auto" for the platform that the program will run
        on: that of the ambient mesh, else of this machine.
      conv: "native" (one 3-D convolution), "planes" (a sum of three 2-D convolutions, which XLA
        runs up to twice as fast on CPUs), or "auto".
      remat: what a block keeps for the backward pass: "none" (everything), "full" (its input
        only), "dots" (matmul results), "offload" (its input, in host memory). All but "none" keep
        of the decoder, for the pixel stage, what goes into each chunk.
      scan: run the blocks under `lax.scan`; False unrolls them.
      vae_chunk: latent frames that the VAE handles at a time; 0 means the whole clip. None takes 1
        on CPUs (measured the fastest) and 5 elsewhere.
      tasks_at_once: tasks that go through the trunk and the decoder together; more of them fill a
        large accelerator better and take as much more memory.
    """

    dtype: str = "float32"
    vae_dtype: str = "float32"
    attention: str = "auto"
    conv: str = "auto"
    remat: str = "none"
    scan: bool = True
    vae_chunk: int | None = None
    tasks_at_once: int = 1


_WAN_1_3B = DitConfig(layers=30, heads=12, head_dim=128, ffn_dim=8960)
_WAN_14B = DitConfig(layers=40, heads=40, head_dim=128, ffn_dim=13824)

PRESETS = {
    "tiny": ThfmConfig(
        name="tiny",
        dit=DitConfig(
            layers=4,
            heads=4,
            head_dim=64,
            ffn_dim=1024,
            text_dim=128,
            text_length=128,
            text_padding=False,
            channels=32,
            freq_dim=64,
        ),
        vae=VaeConfig(
            base_dim=40,
            z_dim=32,
            multipliers=(1, 2, 4),
            decoder_base_dim=24,
            res_blocks=1,
            temporal_down=(True, True),
            patch=2,
            latent_mean=(0.0,) * 32,
            latent_std=(1.0,) * 32,
        ),
        text=TextConfig(layers=2, dim=128, heads=4, head_dim=32, ffn_dim=256, vocab_size=384),
        sparse=SparseConfig(hidden_dim=256, init_std=1.0),
        clip_area=128 * 128,
        clip_frames=17,
    ),
    "wan_1_3b": ThfmConfig(name="wan_1_3b", dit=_WAN_1_3B),
    "wan_14b": ThfmConfig(name="wan_14b", dit=_WAN_14B),
}


def preset(name: str) -> ThfmConfig:
    """The preset of that name; raises ValueError with the known names."""
    if name not in PRESETS:
        raise ValueError(f"no preset {name!r}; there are {', '.join(PRESETS)}")
    return PRESETS[name]


def to_json(config: Any) -> str:
    """JSON text of a configuration dataclass."""
    return json.dumps(dataclasses.asdict(config), indent=2) + "\n"


def from_json(kind: type, text: str) -> Any:
    """The configuration of dataclass `kind` in JSON `text`; raises ValueError as `build`."""
    return build(kind, json.loads(text))


def build(kind: Any, data: Mapping[str, Any]) -> Any:
    """The dataclass `kind` from plain data, and so the dataclasses among its fields.

    Raises ValueError for a field that it does not have, with the nearest that it has.
    """
    hints = typing.get_type_hints(kind)
    names = [field.name for field in dataclasses.fields(kind)]
    for name in sorted(set(data) - set(names)):
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"; did you mean {near[0]}?" if near else f". It has {', '.join(names)}"
        raise ValueError(f"{kind.__name__} has no field {name}{hint}")
    values = {}
    for name, value in data.items():
        inner = _dataclass_in(hints[name])
        if inner and isinstance(value, Mapping):
            value = build(inner, value)
        values[name] = tuple(value) if isinstance(value, list) else value
    return kind(**values)


def complete(kind: Any, data: Mapping[str, Any]) -> dict[str, Any]:
    """The same plain data, with the defaults of the fields of `kind` that it leaves out."""
    hints = typing.get_type_hints(kind)
    values = _defaults(kind) | dict(data)
    for name, value in values.items():
        inner = _dataclass_in(hints.get(name))
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            values[name] = dataclasses.asdict(value)
        elif inner and isinstance(value, Mapping):
            values[name] = complete(inner, value)
    return values


def _defaults(kind: Any) -> dict[str, Any]:
    """The fields' defaults, of those that have one."""
    missing = dataclasses.MISSING
    return {
        field.name: field.default if field.default_factory is missing else field.default_factory()
        for field in dataclasses.fields(kind)
        if (field.default, field.default_factory) != (missing, missing)
    }


def _dataclass_in(hint: Any) -> Any:
    """The dataclass that a field of that type holds, also where it may be None; else None."""
    kinds = [kind for kind in (hint, *typing.get_args(hint)) if dataclasses.is_dataclass(kind)]
    return kinds[0] if kinds else None
