"""Joins what is predicted for windows, and brings it to the source's size.

While all windows show whole frames they are joined at the size that the model sees, which is the
smaller one. Rectangles of frames have only the source in common: from the first one on windows are
brought to the source's size first, and joined there.
"""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np

from thfm_jax.data.crop_map import CropMap
from thfm_jax.data.transforms import FitMap
from thfm_jax.ops import windows
from thfm_jax.tasks import TASKS, normals

_MATTE = "matte"
_JOINS = {"depth": windows.fade_depth, "normals": windows.fade_normals}
# Where there is no person; the other tasks have a value everywhere.
_NOBODY = {"depth": np.nan, "normals": 0.0, "densepose": np.nan}
# Where the model did not look.
_UNSEEN = _NOBODY | {_MATTE: 0.0}

Values = dict[str, np.ndarray]


class Joiner:
    """Takes windows' predictions in order, and gives joined ones, of any length of video.

    Attributes:
      tasks: names of the predictions that it needs: those wanted, and perhaps the matte.
    """

    def __init__(self, wanted: Sequence[str], overlap: int, *, everywhere: bool):
        """`overlap` in frames; `everywhere` keeps values where the matte shows no person."""
        self._wanted = wanted
        self._nobody = {} if everywhere else {t: _NOBODY[t] for t in wanted if t in _NOBODY}
        needed = {*wanted, _MATTE} if _NOBODY.keys() & set(wanted) else set(wanted)
        self.tasks = tuple(task for task in TASKS if task in needed)
        self._blenders = {task: windows.Blender(overlap, _JOINS.get(task)) for task in self.tasks}
        self._whole: FitMap | None = None  # what the windows at the model's size have shown
        self._at_source = False

    def add(self, window: windows.Window, values: Values, view: FitMap | CropMap) -> Values:
        """Predictions at the source's size of frames that no later window can change; perhaps none.

        Args:
          window: where `values` belong.
          values: predictions of all `tasks`, for what `view` shows and in its pixels.
          view: what the model saw.
        """
        if isinstance(view, CropMap):
            self._go_to_source()
        else:
            self._whole = view

        def placed(task: str) -> np.ndarray:
            return _restore(task, values[task], view) if self._at_source else values[task]

        person = placed(_MATTE) > 0.5 if _MATTE in self.tasks else None
        # One task after the other, since at the source's size they take the most memory of all.
        return self._finished(
            {task: b.add(window, placed(task), person) for task, b in self._blenders.items()}
        )

    def finish(self) -> Values:
        """Predictions of the frames that were still held."""
        return self._finished({task: b.finish() for task, b in self._blenders.items()})

    def _go_to_source(self) -> None:
        """Brings the frames that are held to the source's size, where windows are joined now."""
        if self._whole and not self._at_source:
            held = {t: _restore(t, b.finish(), self._whole) for t, b in self._blenders.items()}
            person = held[_MATTE] > 0.5 if _MATTE in held else None
            for task, blender in self._blenders.items():
                blender.replace(held[task], person)
        self._at_source = True

    def _finished(self, values: Values) -> Values:
        """What was wanted, at the source's size, and that there is nobody where that is so."""
        if self._whole and not self._at_source:
            values = {task: _restore(task, value, self._whole) for task, value in values.items()}
        for task, nothing in self._nobody.items():
            absent = values[_MATTE] <= 0.5
            absent = absent.reshape(absent.shape + (1,) * (values[task].ndim - absent.ndim))
            values[task] = np.where(absent, np.float32(nothing), values[task])
        return {task: values[task] for task in self._wanted}


def _restore(task: str, value: np.ndarray, view: FitMap | CropMap) -> np.ndarray:
    """Predictions for what a view shows at the source's size and in its pixels."""
    if TASKS[task].kind == "dense":
        if isinstance(view, CropMap):
            restored = view.restore_maps(value, _UNSEEN[task])
        else:
            restored = view.restore_maps(value)
        # Between two unit vectors the interpolated one is shorter.
        return np.asarray(normals.decode(jnp.asarray(restored))) if task == "normals" else restored
    if task == "keypoints2d":
        xy = view.restore_points(value[..., :2]).astype(np.float32)
        return np.concatenate([xy, value[..., 2:]], axis=-1)
    return value
