"""Measures how many frames of predictions a second each metric scores.

    python -m experiments.benchmark_metrics [--frames=10000] [--size=256] [--cores=2]

Predictions are made up once, a soft blob that moves over a share of the picture like a person's,
and scored again and again, in blocks that as many threads as cores share. Besides the frames a
second of the clock it prints those a second of processor time, which other programs hardly touch:
what one idle core scores, and by which the bars are judged.
"""

import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from absl import app, flags
from jaxtyping import Bool, Float, UInt8

from thfm_jax import measure
from thfm_jax.evaluation.detections import Detections, Matched
from thfm_jax.evaluation.tally import Histogram
from thfm_jax.tasks import metrics
from thfm_jax.tasks.metrics import matching, similarity

_FRAMES = flags.DEFINE_integer("frames", 10_000, "Frames to score.", lower_bound=1)
_SIZE = flags.DEFINE_integer("size", 256, "Height and width in pixels of dense maps.")
_CORES = flags.DEFINE_integer("cores", 0, "Cores to use; 0 for all.")

BLOCK = 16  # frames that a dense metric scores at a time
SEQUENCE = 500  # frames that a metric of joints scores at a time
DENSE_BAR, POSE_BAR = 200, 20_000  # frames a second


Pair = tuple[np.ndarray, np.ndarray]  # prediction and truth


class Dense(NamedTuple):
    """A clip of dense maps."""

    mask: Bool[np.ndarray, "T H W"]
    pictures: UInt8[np.ndarray, "T H W 3"]
    depth: Pair
    vectors: Pair
    alpha: Pair


class Pose(NamedTuple):
    """A clip of joints in space and in the picture, and boxes round these."""

    mask: Bool[np.ndarray, "T K"]
    space: Pair
    plane: Pair
    boxes: Float[np.ndarray, "T 4"]


def dense(size: int) -> Dense:
    """Made up, in float32, as files are read."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:size, :size] / size
    shift = np.arange(BLOCK)[:, None, None] / 200
    reach = np.hypot((columns - 0.4 - shift) / 0.25, (rows - 0.5) / 0.45)
    alpha = np.clip((1 - reach) * 8 + rng.normal(0, 0.05, (2, *reach.shape)), 0, 1)
    depth = 3 + 0.2 * reach + rng.normal(0, 0.02, (2, *reach.shape))
    vectors = rng.normal(size=(2, *reach.shape, 3))
    pictures = np.repeat(rng.integers(0, 256, (1, size, size, 3), np.uint8), BLOCK, axis=0)
    vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
    return Dense(reach < 1, pictures, *map(_pair, (depth, vectors, np.round(alpha, 3))))


def _pair(values: Float[np.ndarray, "2 ..."]) -> Pair:
    prediction, truth = values.astype(np.float32)
    return prediction, truth


def pose() -> Pose:
    """Made up: 24 joints a frame, a tenth of them without a label."""
    rng = np.random.default_rng(0)
    space = np.cumsum(rng.normal(0, 0.01, (2, SEQUENCE, 24, 3)), axis=1) + rng.normal(size=(24, 3))
    plane = 200 + 100 * space[:, :, :17, :2]
    low, high = plane[1].min(axis=1), plane[1].max(axis=1)
    mask = rng.uniform(size=(SEQUENCE, 24)) > 0.1
    boxes = np.concatenate([low, high - low], axis=1)
    return Pose(mask, _pair(space), _pair(plane), boxes)


def dense_metrics(clip: Dense) -> dict[str, Callable[[], object]]:
    """Each scores `BLOCK` frames."""
    mask, whole = clip.mask, np.ones_like(clip.mask)
    depth, alpha = (
        (prediction[..., None], truth[..., None]) for prediction, truth in (clip.depth, clip.alpha)
    )
    fit = metrics.median_spread
    canonical = lambda: metrics.point_errors(*clip.vectors, mask)
    angles = lambda: metrics.normal_angles(*clip.vectors, mask)
    return {
        "depth, fit per image": lambda: metrics.depth_errors(*clip.depth, mask, "image"),
        "depth, robust fit": lambda: metrics.depth_errors(*clip.depth, mask, "image", fit),
        "depth, fit per clip": lambda: metrics.depth_errors(*clip.depth, mask, "clip"),
        "normals": lambda: metrics.normal_errors(*clip.vectors, mask),
        "normals, median by tally": lambda: Histogram.of(angles(), 0, 180, 18_000),
        "matte: MSE, MAD, SAD, IoU": lambda: metrics.matte_errors(*clip.alpha, whole),
        "matte: Grad": lambda: metrics.matte_gradient_errors(*clip.alpha, whole),
        "matte: Conn": lambda: metrics.matte_connectivity_errors(*clip.alpha, whole),
        "matte: dtSSD": lambda: metrics.matte_dtssd(*clip.alpha, whole),
        "dense pose: canonical distance": lambda: Histogram.of(canonical(), 0, 4, 8_000),
        "steadiness: depth": lambda: metrics.change_errors(*depth, mask),
        "steadiness: normals": lambda: metrics.change_errors(*clip.vectors, mask),
        "steadiness: matte": lambda: metrics.change_errors(*alpha, whole),
        "steadiness at rest: normals": lambda: metrics.resting_changes(
            clip.vectors[0], clip.pictures, mask
        ),
    }


def pose_metrics(clip: Pose) -> dict[str, Callable[[], object]]:
    """Each scores `SEQUENCE` frames."""
    seen = clip.mask[:, :17]
    side = metrics.person_size(clip.plane[1], seen)
    return {
        "MPJPE": lambda: metrics.mpjpe(*clip.space, clip.mask),
        "N-MPJPE": lambda: metrics.n_mpjpe(*clip.space, clip.mask),
        "PA-MPJPE": lambda: metrics.pa_mpjpe(*clip.space, clip.mask),
        "acceleration": lambda: metrics.acceleration_error(*clip.space, clip.mask, 30.0),
        "jitter": lambda: metrics.jitters(clip.space[0], clip.mask, 30.0),
        "PCK": lambda: metrics.pck(*clip.plane, seen, side, 0.1),
        "PCKh": lambda: metrics.pckh(*clip.plane, seen, clip.boxes),
        "OKS-AP, a person a picture": lambda: oks_ap(clip),
    }


def oks_ap(clip: Pose) -> float:
    """Average precision, every frame being a picture of its own."""
    truth = np.concatenate([clip.plane[1], 2.0 * clip.mask[:, :17, None]], axis=-1)
    areas, nobody = clip.boxes[:, 2:].prod(axis=-1), np.zeros((1, 1), bool)
    pictures = []
    for frame in range(SEQUENCE):
        one = slice(frame, frame + 1)
        alike = similarity.oks(clip.plane[0][one], truth[one], clip.boxes[one], areas[one])
        (matches,) = matching.match(alike, nobody, nobody[0])
        outcomes = matching.outcomes(matches, nobody[0], nobody[0])
        pictures.append(Matched(frame, alike[0], outcomes, 1))
    return Detections("precision", tuple(pictures)).value()


def rate(score: Callable[[], object], frames: int, block: int) -> tuple[float, float]:
    """Frames a second, on the clock and of processor time."""
    score()  # compiles
    calls = -(-frames // block)
    start, spent = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(measure.cores()) as pool:
        for done in [pool.submit(score) for _ in range(calls)]:
            done.result()
    seconds, spent = time.perf_counter() - start, time.process_time() - spent
    return calls * block / seconds, calls * block / spent


def main(_) -> None:
    try:
        measure.use_cores(_CORES.value)
    except ValueError as error:
        sys.exit(f"error: {error}")
    facts = measure.machine()
    print(f"{facts['date']}, {facts['cpu']}, {facts['cores_used']} of {facts['cores']} cores, ")
    print(
        f"load {facts['load_average']:.1f} before; {_FRAMES.value} frames, {_SIZE.value} pixels\n"
    )
    print("| metric | frames/s | frames/CPU-s | bar |\n|---|---|---|---|")
    groups = (
        (dense_metrics(dense(_SIZE.value)), BLOCK, DENSE_BAR),
        (pose_metrics(pose()), SEQUENCE, POSE_BAR),
    )
    for scores, block, bar in groups:
        for name, score in scores.items():
            clock, processor = rate(score, _FRAMES.value, block)
            met = "met" if processor >= bar else "missed"
            print(f"| {name} | {clock:,.0f} | {processor:,.0f} | {bar:,}: {met} |", flush=True)


if __name__ == "__main__":
    app.run(main)
