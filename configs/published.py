"""Published figures, as data: what reports and docs/evaluation.md put beside a model's own.

Each is in the unit of the benchmark's measure. Most were read in other places than the paper that
reports them first: `source` says where.
"""

from collections.abc import Mapping
from typing import NamedTuple


class Figure(NamedTuple):
    """One published figure.

    Attributes:
      benchmark: a name in `thfm_jax.evaluation.registry.BENCHMARKS`.
      metric: the name of one of its measures.
      unit: of the figure.
      method: who reaches it.
      figure: the number.
      source: where it was read, and what was done to it.
    """

    benchmark: str
    metric: str
    unit: str
    method: str
    figure: float
    source: str


THFM = "THFM (arXiv:2603.25892), read in a listing of its results, not in the paper"
DAVID = "DAViD's model cards and a digest of its paper"
DECIMETRES = f"{DAVID}; divided by 10, since printed in decimetres"
SAM3D = "SAM 3D Body, table 2"
HMR2 = "4D-Humans"


def _of(
    benchmark: str, metric: str, unit: str, source: str, figures: Mapping[str, float]
) -> list[Figure]:
    """Figures of several methods."""
    return [Figure(benchmark, metric, unit, *item, source) for item in figures.items()]


FIGURES: tuple[Figure, ...] = (
    # Depth. Whether THFM's are in metres was inferred: its first author found his a tenth of
    # DAViD's (microsoft/DAViD, issue 22).
    *_of("goliath_face", "rmse_m", "m", THFM, {"THFM": 0.021}),
    *_of(
        "goliath_face",
        "rmse_m",
        "m",
        DECIMETRES,
        {
            "DAViD-L": 0.0140,
            "DAViD-B": 0.0142,
            "Sapiens-2B": 0.0158,
            "Sapiens-0.3B": 0.0179,
            "MiDaS": 0.0224,
            "Depth Anything V2-L": 0.0229,
            "Depth Pro": 0.0295,
        },
    ),
    *_of("goliath_face", "abs_rel", "", DAVID, {"DAViD-L": 0.009}),
    *_of("goliath_upper_body", "rmse_m", "m", THFM, {"THFM": 0.028}),
    *_of("goliath_upper_body", "rmse_m", "m", DECIMETRES, {"DAViD-L": 0.0283, "DAViD-B": 0.0316}),
    *_of("goliath_upper_body", "abs_rel", "", DAVID, {"DAViD-L": 0.008}),
    *_of("goliath_full_body", "rmse_m", "m", THFM, {"THFM": 0.037}),
    *_of(
        "goliath_full_body",
        "rmse_m",
        "m",
        DECIMETRES,
        {
            "Sapiens-2B": 0.0266,
            "DAViD-L": 0.0334,
            "DAViD-B": 0.0376,
            "Sapiens-0.3B": 0.0690,
            "Depth Pro": 0.0723,
            "Depth Anything V2-L": 0.1039,
        },
    ),
    *_of("goliath_full_body", "abs_rel", "", DAVID, {"DAViD-L": 0.009}),
    *_of(
        "hi4d_depth",
        "rmse_m",
        "m",
        DAVID,
        {"DAViD-L": 0.072, "Depth Pro": 0.084, "Sapiens-2B": 0.095},
    ),
    *_of("hi4d_depth", "abs_rel", "", DAVID, {"DAViD-L": 0.019}),
    # Normals.
    *_of("hi4d_normals", "mean_deg", "degrees", THFM, {"THFM": 11.01}),
    *_of(
        "hi4d_normals",
        "mean_deg",
        "degrees",
        DAVID,
        {
            "Sapiens-2B": 12.14,
            "Sapiens-0.3B": 15.04,
            "DAViD-L": 15.37,
            "DAViD-MT": 15.61,
            "DAViD-B": 15.72,
        },
    ),
    *_of("hi4d_normals", "median_deg", "degrees", DAVID, {"DAViD-L": 12.51}),
    *_of("hi4d_normals", "below_11.25_percent", "%", DAVID, {"DAViD-L": 45.1}),
    *_of("hi4d_normals", "below_22.5_percent", "%", DAVID, {"DAViD-L": 79.7}),
    *_of("hi4d_normals", "below_30_percent", "%", DAVID, {"DAViD-L": 89.6}),
    *_of(
        "goliath_face_normals",
        "mean_deg",
        "degrees",
        DAVID,
        {"Sapiens-2B": 16.04, "DAViD-L": 17.15},
    ),
    *_of("goliath_upper_body_normals", "mean_deg", "degrees", DAVID, {"DAViD-L": 13.96}),
    *_of(
        "goliath_full_body_normals",
        "mean_deg",
        "degrees",
        DAVID,
        {"Sapiens-2B": 11.49, "DAViD-L": 14.60},
    ),
    # Mattes.
    *_of("photomatte85", "mse", "", THFM, {"THFM": 9.0e-4}),
    *_of(
        "photomatte85",
        "mse",
        "",
        DAVID,
        {"DAViD-MT": 8e-4, "DAViD-L": 9e-4, "DAViD-B": 1.7e-3, "MODNet": 3e-3, "P3M-Net": 7e-3},
    ),
    *_of("photomatte85", "sad_kpx", "1,000 px", DAVID, {"DAViD-MT": 5.40, "DAViD-L": 5.85}),
    *_of("ppm100", "sad_kpx", "1,000 px", DAVID, {"DAViD-MT": 66.08, "DAViD-L": 78.17}),
    *_of("p3m_500_np", "sad_kpx", "1,000 px", DAVID, {"DAViD-L": 14.83}),
    *_of("p3m_500_p", "sad_kpx", "1,000 px", DAVID, {"DAViD-L": 12.65}),
    # Pose.
    *_of("emdb1", "pa_mpjpe_mm", "mm", THFM, {"THFM": 35.2}),
    *_of(
        "emdb1",
        "pa_mpjpe_mm",
        "mm",
        SAM3D,
        {
            "SAM 3D Body (DINOv3)": 38.2,
            "SAM 3D Body (ViT-H)": 38.5,
            "NLF-L (fitted)": 40.9,
            "PromptHMR": 41.0,
            "GENMO": 42.5,
            "CameraHMR": 43.3,
            "TRAM": 45.7,
            "WHAM": 50.4,
            "HMR2.0b": 79.2,
        },
    ),
    *_of(
        "emdb1",
        "mpjpe_mm",
        "mm",
        SAM3D,
        {
            "SAM 3D Body (DINOv3)": 61.7,
            "SAM 3D Body (ViT-H)": 62.9,
            "NLF-L (fitted)": 68.4,
            "PromptHMR": 71.7,
            "GENMO": 73.0,
            "CameraHMR": 70.3,
        },
    ),
    *_of("rich", "pa_mpjpe_mm", "mm", THFM, {"THFM": 34.7}),
    *_of(
        "rich",
        "pa_mpjpe_mm",
        "mm",
        SAM3D,
        {
            "NLF-L (fitted, trained on RICH)": 28.7,
            "SAM 3D Body": 30.9,
            "CameraHMR": 34.0,
            "PromptHMR": 37.3,
            "GENMO": 39.1,
            "HMR2.0b": 48.1,
        },
    ),
    *_of("rich", "mpjpe_mm", "mm", SAM3D, {"SAM 3D Body": 53.7}),
    *_of(
        "3dpw",
        "pa_mpjpe_mm",
        "mm",
        SAM3D,
        {"SAM 3D Body (ViT-H)": 33.2, "NLF": 33.6, "GENMO": 34.6, "CameraHMR": 35.1},
    ),
    *_of("3dpw", "mpjpe_mm", "mm", SAM3D, {"SAM 3D Body (ViT-H)": 54.8, "GENMO": 53.9}),
    *_of("h36m_p2", "pa_mpjpe_mm", "mm", THFM, {"THFM": 27.7}),
    *_of(
        "h36m_p2",
        "mpjpe_mm",
        "mm",
        f"{HMR2}; trained on Human3.6M",
        {"HMR2.0a": 44.8, "HMR2.0b": 50.0},
    ),
)


def table() -> str:
    """All figures in Markdown, as docs/evaluation.md has them: a row for a measure."""
    lines = ["| benchmark | measure | THFM | others |", "|---|---|---|---|"]
    for benchmark, metric in dict.fromkeys((each.benchmark, each.metric) for each in FIGURES):
        those = [f for f in FIGURES if (f.benchmark, f.metric) == (benchmark, metric)]
        ours = next((f"{f.figure:g}" for f in those if f.method == "THFM"), "")
        others = ", ".join(f"{f.method} {f.figure:g}" for f in those if f.method != "THFM")
        lines.append(f"| `{benchmark}` | `{metric}` | {ours} | {others} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(table(), end="")
