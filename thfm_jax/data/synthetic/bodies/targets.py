"""MakeHuman's shape targets: displacements of the base mesh by name."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from thfm_jax.data.synthetic.assets import Pack
from thfm_jax.data.synthetic.bodies import skinning

_STEP_M = 1e-4  # unit of the pack's displacements


class Targets:
    """All targets of a pack.

    Attributes:
      index: name → number.
    """

    def __init__(self, pack: Pack):
        self.index = {str(name): number for number, name in enumerate(pack["targets/names"])}
        # The pack holds the steps of wrapping running sums.
        vertex = np.cumsum(pack["targets/vertex_steps"], dtype=np.uint16)
        delta = np.cumsum(pack["targets/delta_steps"], axis=1, dtype=np.int16)
        self._rows = (pack["targets/start"], vertex, np.ascontiguousarray(delta.T))

    def add(
        self,
        vertices: Float[np.ndarray, "V 3"],
        weights: Mapping[str, float],
        scale: float = 1.0,
    ) -> None:
        """Adds weighted targets, times `scale`, to `vertices`, float32 metres, in place.

        Raises:
          ValueError: there is no such target.
        """
        if unknown := weights.keys() - self.index.keys():
            raise ValueError(f"there are no targets {sorted(unknown)}")
        numbers = np.array([self.index[name] for name in weights], np.int64)
        amounts = _STEP_M * scale * np.array(list(weights.values()), np.float64)
        skinning.add_targets(vertices, *self._rows, numbers, amounts)
