"""Matting protocols: PhotoMatte85, PPM-100, P3M-10k.

The scale of each published table, and what turns our figures into it:

    table                     SAD            MSE, MAD    Grad              Conn
    DAViD (all three sets)    sad_kpx        mse         -                 -
    MODNet (PPM-100)          -              mse, mad    -                 -
    P3M (P3M-500)             sad_kpx        mse, mad    grad_k * 1.036    conn_kpx
    RobustVideoMatting        -              times 1000  grad_k            conn_kpx

P3M core/evaluate.py takes gradients by SciPy's derivative of a Gaussian, neither normalises it nor
stretches alpha to [0, 1], and divides by 10. Where alpha spans 0 to 1 that is 100 / (8 pi sigma^4)
times ours, sigma being 1.4, but for the ends of the filter.
"""

import numpy as np

from thfm_jax.data.benchmarks import p3m10k, photomatte85, ppm100
from thfm_jax.evaluation.benchmark import Benchmark, Measure, Scores
from thfm_jax.evaluation.dense import maps
from thfm_jax.evaluation.tally import Mean
from thfm_jax.tasks import metrics

MEASURES = (
    Measure("mse", "MSE"),
    Measure("sad_kpx", "SAD (10³ px)"),
    Measure("mad", "MAD"),
    Measure("grad_k", "Grad (10³)"),
    Measure("conn_kpx", "Conn (10³ px)"),
)
PROTOCOL = (
    "Alpha in [0, 1] over the whole picture at its own size, no trimap; each figure is computed "
    "per picture and averaged over pictures. SAD, Grad (sigma 1.4) and Conn (steps of 0.1) are "
    "divided by 1,000; MSE and MAD are not scaled."
)


def score(predictions, truth, sequence) -> Scores:
    """`MEASURES`; a frame's own score is its MSE."""
    mattes = maps("matte", predictions, truth)
    found = metrics.matte_scores(*mattes)
    values: dict[str, np.ndarray] = {
        "mse": found["mse"],
        "sad_kpx": found["sad"],
        "mad": found["mad"],
        "grad_k": metrics.matte_gradient_errors(*mattes),
        "conn_kpx": metrics.matte_connectivity_errors(*mattes),
    }
    return Scores({name: Mean.of(each) for name, each in values.items()}, found["mse"])


PHOTOMATTE85 = Benchmark(
    name="photomatte85",
    title="PhotoMatte85",
    tasks=("matte",),
    measures=MEASURES,
    open_=photomatte85.open_photomatte85,
    score=score,
    protocol=PROTOCOL
    + " Composited over the backgrounds given, the n-th over the n-th by name, or "
    "over grey; those of published figures are not known.",
    block=1,
    options={"backgrounds": None, "images": photomatte85.IMAGES},
)

PPM100 = Benchmark(
    name="ppm100",
    title="PPM-100",
    tasks=("matte",),
    measures=MEASURES,
    open_=ppm100.open_ppm100,
    score=score,
    protocol=PROTOCOL,
    block=1,
    options={"pictures": "image", "mattes": "matte", "images": ppm100.IMAGES},
)


def _p3m(name: str, split: str, faces: str) -> Benchmark:
    return Benchmark(
        name=name,
        title=split,
        tasks=("matte",),
        measures=MEASURES,
        open_=p3m10k.open_p3m10k,
        score=score,
        protocol=f"{PROTOCOL} Faces are {faces}.",
        block=1,
        options={"split": split, "images": p3m10k.IMAGES},
    )


P3M_500_P = _p3m("p3m_500_p", "P3M-500-P", "blurred")
P3M_500_NP = _p3m("p3m_500_np", "P3M-500-NP", "as photographed")

BENCHMARKS = (PHOTOMATTE85, PPM100, P3M_500_P, P3M_500_NP)
