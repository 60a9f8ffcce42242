"""Detections against the truth by COCO's rules: matching, average precision and recall.

All of it equals pycocotools cocoeval.py::COCOeval, whatever measures how alike a detection and a
truth are: OKS, GPS or an overlap of masks.
"""

import numpy as np
from jaxtyping import Bool, Float, Int
from numba import njit

THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0.0, 1.0, 101)


def match(
    similarity: Float[np.ndarray, "D G"],
    ignored: Bool[np.ndarray, "A G"],
    crowd: Bool[np.ndarray, "G"],
    thresholds: Float[np.ndarray, "N"] = THRESHOLDS,
) -> Int[np.ndarray, "A N D"]:
    """int64 index of the truth that each detection of a picture gets, -1 for none.

    The detections choose in turn. Each takes the free truth that it is most similar to, if that
    reaches the threshold; one to be ignored only if no other does. Of equals the last is taken. A
    crowd stays free however often it is taken.

    Args:
      similarity: in [0, 1], of the detections by falling confidence.
      ignored: truths that do not count, for each of `A` choices of them (by area).
      crowd: truths that stand for many people.
      thresholds: the similarities that a match must reach.
    """
    similarity = np.ascontiguousarray(similarity, np.float64)
    found = np.full((len(ignored), len(thresholds), len(similarity)), -1)
    if similarity.size:
        _match(similarity, ignored, crowd, np.minimum(thresholds, 1 - 1e-10), found)
    return found


@njit(cache=True)
def _match(similarity, ignored, crowd, thresholds, found):
    detections, truths = similarity.shape
    for area in range(len(ignored)):
        for level in range(len(thresholds)):
            taken = np.zeros(truths, np.bool_)
            for detection in range(detections):
                best = -1
                # Those that count come first: what they leave over may take the ignored.
                for wanted in (False, True):
                    least = thresholds[level]
                    for truth in range(truths):
                        if ignored[area, truth] != wanted or (taken[truth] and not crowd[truth]):
                            continue
                        if similarity[detection, truth] >= least:
                            least = similarity[detection, truth]
                            best = truth
                    if best >= 0:
                        break
                if best >= 0:
                    taken[best] = True
                    found[area, level, detection] = best


def outcomes(
    matches: Int[np.ndarray, "N D"],
    ignored: Bool[np.ndarray, "G"],
    uncounted: Bool[np.ndarray, "D"],
) -> Int[np.ndarray, "N D"]:
    """int8 per threshold and detection: 1 correct, 0 wrong, -1 not to be counted.

    A match with an ignored truth does not count, nor does a detection without a match that is
    `uncounted`, for being of another size.
    """
    if not ignored.size:
        return np.where(uncounted, -1, np.zeros(matches.shape, np.int8)).astype(np.int8)
    free = matches < 0
    result = np.where(free, 0, np.where(ignored[matches], -1, 1))
    return np.where(free & uncounted, -1, result).astype(np.int8)


def average_precision(
    scores: Float[np.ndarray, "D"], outcomes: Int[np.ndarray, "N D"], positives: int
) -> Float[np.ndarray, "N"]:
    """Per threshold, the mean over `RECALLS` of the best precision at that recall or a higher one.

    Args:
      scores: confidences; equal ones keep their order.
      outcomes: as `outcomes` gives them.
      positives: truths that count, at least one.
    """
    correct, wrong = _counted(scores, outcomes)
    recall = correct / positives
    precision = correct / (correct + wrong + np.spacing(1))
    best = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    # A recall that is never reached has precision 0.
    best = np.concatenate([best, np.zeros((len(best), 1))], axis=1)
    rows = [row[np.searchsorted(at, RECALLS)] for row, at in zip(best, recall, strict=True)]
    return np.mean(rows, axis=1)


def average_recall(
    scores: Float[np.ndarray, "D"], outcomes: Int[np.ndarray, "N D"], positives: int
) -> Float[np.ndarray, "N"]:
    """Per threshold, the share of the truths that are found; arguments as `average_precision`."""
    return np.sum(outcomes == 1, axis=1) / positives


def _counted(
    scores: Float[np.ndarray, "D"], outcomes: Int[np.ndarray, "N D"]
) -> tuple[Float[np.ndarray, "N D"], Float[np.ndarray, "N D"]]:
    """How many are correct and wrong among the first 1, 2, ... detections by falling score."""
    ordered = outcomes[:, np.argsort(-scores, kind="stable")]
    correct, wrong = (np.cumsum(ordered == kind, axis=1, dtype=np.float64) for kind in (1, 0))
    return correct, wrong
