"""Are predictions of files in the units and axes that are asked for? What is not is named, and why.

Scores of another convention look like those of a bad model. `plausible` and `persons` do the same
for labels.
"""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Float

from thfm_jax.data.benchmarks.persons import PERSON_M, span, unit_of
from thfm_jax.data.benchmarks.plausible import best_axes
from thfm_jax.data.benchmarks.sequence import Sequence
from thfm_jax.tasks import TASKS
from thfm_jax.tasks.densepose import BOX_M

_FRAMES = 8  # of a sequence, so many are looked at
_SIDE = 128  # of a map about so many rows and columns
# Fewer pixels say nothing.
_ENOUGH = 50
# Correlation with the truth below which a map is taken for one of the opposite sense.
_OPPOSITE = -0.5
# Of axes, 1 where a channel follows the truth's and -1 where it follows its opposite: what is no
# better than that in its own order, and than that in the best one, is of another convention.
_AGAINST, _FOUND = -0.3, 1.5


def expected(
    task: str,
    prediction: Float[np.ndarray, "T ..."],
    sequence: Sequence,
) -> str:
    """What the numbers should have been, where they are likely something else; empty otherwise.

    Args:
      task: whose conventions count, those of docs/tasks.md.
      prediction: of all frames; may hold what is not finite.
      sequence: whose truth dense maps are compared with, in some of its frames.
    """
    places = range(0, len(prediction), max(len(prediction) // _FRAMES, 1))
    sample = np.asarray(_thinned(task, prediction[:: places.step]), np.float64)
    if not np.isfinite(sample).any():
        return ""
    largest = np.nanmax(np.where(np.isfinite(sample), np.abs(sample), np.nan))
    match task:
        case "normals":
            return _of_normals(sample) or _of_axes(sample, places, sequence)
        case "matte":
            if largest > 1.5:
                return "alpha in [0, 1]"
            opposite = _is_opposite(task, sample, places, sequence)
            return "alpha of 1 on the person, not on the background" if opposite else ""
        case "depth":
            opposite = _is_opposite(task, sample, places, sequence)
            return "depth that grows away from the camera, not disparity" if opposite else ""
        case "densepose":
            return "metres on the template" if largest > 3 * BOX_M else ""
        case "keypoints2d":
            shares = np.nanmax(np.abs(sample[..., :2])) <= 2
            return "pixels" if shares and min(sequence.height, sequence.width) > 8 else ""
        case "keypoints3d":
            whole = sample[np.isfinite(sample).all(axis=(1, 2))]
            return _of_person(whole) if len(whole) else ""
    return ""


def _thinned(task: str, values: Float[np.ndarray, "t ..."]) -> Float[np.ndarray, "t ..."]:
    """Fewer rows and columns of maps; keypoints as they are."""
    if TASKS[task].kind != "dense":
        return values
    rows, columns = (max(side // _SIDE, 1) for side in values.shape[1:3])
    return values[:, ::rows, ::columns]


def _of_person(points: Float[np.ndarray, "t K 3"]) -> str:
    size = span(points)
    guess = f", not {unit_of(size)}" if size > 0 else ""
    return f"metres{guess}" if not 0.05 <= size <= PERSON_M[1] else ""


def _of_normals(sample: Float[np.ndarray, "t H W 3"]) -> str:
    vectors = sample[np.isfinite(sample).all(axis=-1)]
    if _are_colours(vectors):
        return "vectors of length 1 or 0, not colours, (n + 1) / 2"
    lengths = np.linalg.norm(vectors, axis=-1)
    long = lengths[lengths > 0.1]
    return "vectors of length 1 or 0" if long.size and not 0.5 < np.median(long) < 1.5 else ""


def _are_colours(vectors: Float[np.ndarray, "n 3"]) -> bool:
    """Whether vectors are unit ones once they are taken for colours, of 8 bits or in [0, 1]."""
    if np.min(vectors, initial=0) < 0:
        return False
    white = 255 if np.max(vectors, initial=0) > 1.5 else 1
    lengths = np.linalg.norm(2 * vectors / white - 1, axis=-1)
    lengths = lengths[lengths > 0.5]  # without grey, which stands for nothing
    return lengths.size >= _ENOUGH and bool(np.median(np.abs(lengths - 1)) < 0.1)


def _of_axes(sample: Float[np.ndarray, "t H W 3"], places: range, sequence: Sequence) -> str:
    for values, truth, known in _labelled("normals", sample, places, sequence):
        true, guess = truth[known], values[known]
        agreement = true.T @ guess / np.maximum(np.sum(true**2, axis=0), 1e-2 * len(true))[:, None]
        own = np.diagonal(agreement)
        axes, best = best_axes(agreement)
        wrong = np.min(own) < _AGAINST or np.sum(own) < best / 2
        if wrong and best > _FOUND:
            return (
                "normals with x right, y up, z towards the viewer; they follow the truth's three "
                f"components by {own[0]:.2f}, {own[1]:.2f}, {own[2]:.2f}, and in the order {axes} "
                f"by {best:.2f} together"
            )
    return ""


def _is_opposite(
    task: str, sample: Float[np.ndarray, "t H W"], places: range, sequence: Sequence
) -> bool:
    """Whether a map falls where the truth rises, in each frame that says anything."""
    found = []
    for values, truth, known in _labelled(task, sample, places, sequence):
        guess, true = values[known], truth[..., 0][known]
        spread = np.std(guess) * np.std(true)
        if spread > 0:
            covariance = np.mean((guess - guess.mean()) * (true - true.mean()))
            found.append(covariance / spread)
    return bool(found) and max(found) < _OPPOSITE


def _labelled(
    task: str, sample: Float[np.ndarray, "t H W *C"], places: range, sequence: Sequence
) -> Iterator[tuple[np.ndarray, np.ndarray, Bool[np.ndarray, "H W"]]]:
    """Prediction, truth and where both are known, of the sampled frames with enough of it."""
    for values, at in zip(sample, places, strict=True):
        target = sequence.truth(slice(at, at + 1))[task]
        truth = np.asarray(_thinned(task, np.asarray(target.value)), np.float64)[0]
        finite = np.isfinite(values) if values.ndim == 2 else np.isfinite(values).all(axis=-1)
        known = (_thinned(task, np.asarray(target.mask))[0] > 0) & finite
        if np.count_nonzero(known) >= _ENOUGH:
            yield values, truth, known
