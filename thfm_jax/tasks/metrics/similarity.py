"""How alike two people are, in [0, 1], for matching detections: OKS and GPS."""

import numpy as np
from jaxtyping import Float, Int
from numba import njit

# COCO's spread of each joint's annotations, as a share of the person's size.
COCO_SIGMAS = np.array(
    [26, 25, 25, 35, 35, 79, 79, 72, 72, 62, 62, 107, 107, 87, 87, 89, 89], np.float64
)
COCO_SIGMAS /= 1000

# Mean geodesic distances in metres between the annotations of a point, by DensePose's coarse parts
# (Guler et al. 2018; detectron2 densepose_coco_evaluation.py): torso, hands, feet, upper legs,
# lower legs, upper arms, lower arms, head.
COARSE_SPREAD_M = np.array([0.351, 0.107, 0.126, 0.237, 0.173, 0.142, 0.128, 0.150])
# The coarse part, counted from 0, of each of the 24 parts.
COARSE = np.array([0, 0, 1, 1, 2, 2, *[3] * 4, *[4] * 4, *[5] * 4, *[6] * 4, 7, 7])


def oks(
    points: Float[np.ndarray, "D K 2"],
    truth: Float[np.ndarray, "G K 3"],
    boxes: Float[np.ndarray, "G 4"],
    areas: Float[np.ndarray, "G"],
    sigmas: Float[np.ndarray, "K"] = COCO_SIGMAS,
) -> Float[np.ndarray, "D G"]:
    """Object keypoint similarity of detections and people (pycocotools COCOeval.computeOks).

    Args:
      points: x, y.
      truth: x, y and a visibility, 0 for a joint without a label.
      boxes: x, y, width, height. Of people without any label they count, three times as large: a
        joint inside is right.
      areas: of the people's masks in pixels.
      sigmas: of the joints.
    """
    points, truth = np.ascontiguousarray(points, np.float64), np.asarray(truth, np.float64)
    result = np.empty((len(points), len(truth)))
    # Kept in COCO's order of operations: a score at a threshold is right to the last bit.
    variances = (np.asarray(sigmas) * 2) ** 2
    _oks(
        points,
        truth,
        np.asarray(boxes, np.float64),
        np.asarray(areas, np.float64),
        variances,
        result,
    )
    return result


@njit(cache=True)
def _oks(points, truth, boxes, areas, variances, result):
    for person in range(len(truth)):
        seen = truth[person, :, 2] > 0
        count = np.sum(seen)
        x, y, width, height = boxes[person]
        area = areas[person] + np.spacing(1.0)
        for detection in range(len(points)):
            total = 0.0
            for joint in range(points.shape[1]):
                px, py = points[detection, joint]
                if count == 0:
                    dx = max(0.0, x - width - px) + max(0.0, px - (x + width * 2))
                    dy = max(0.0, y - height - py) + max(0.0, py - (y + height * 2))
                elif seen[joint]:
                    dx, dy = px - truth[person, joint, 0], py - truth[person, joint, 1]
                else:
                    continue
                total += np.exp(-((dx**2 + dy**2) / variances[joint] / area / 2))
            result[detection, person] = total / (count if count else points.shape[1])


def gps(distances: Float[np.ndarray, "P"], parts: Int[np.ndarray, "P"]) -> float:
    """Geodesic point similarity of one person; 0 without points.

    Args:
      distances: on the body's surface in metres between predicted and annotated points; infinite
        where nothing is predicted.
      parts: DensePose's part of each annotated point, 1 to 24.
    """
    if not len(distances):
        return 0.0
    spread = COARSE_SPREAD_M[COARSE[np.asarray(parts) - 1]]
    return float(np.mean(np.exp(-np.square(distances / spread) / 2)))


def gpsm(gps: float, overlap: float) -> float:
    """Masked GPS: the geometric mean of GPS and the overlap (IoU) of the masks."""
    return float(np.sqrt(gps * overlap))
