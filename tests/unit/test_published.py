"""Published figures and configurations: they fit the benchmarks, and the page shows them."""

import importlib
from pathlib import Path

import pytest

from configs import published
from thfm_jax import config
from thfm_jax.evaluation.registry import BENCHMARKS
from thfm_jax.evaluation.runner import Settings

ROOT = Path(__file__).parents[2]
CONFIGS = sorted(file.stem for file in (ROOT / "configs").glob("eval_*.py"))
VARIANTS = {
    "eval_densepose_coco": ("densepose_coco", "densepose_coco_parts"),
    "eval_emdb": ("1", "2", "2_world"),
    "eval_human36m": ("p1", "p2"),
    "eval_hi4d": ("normals", "depth"),
    "eval_p3m": ("p", "np"),
    "eval_thuman2": ("normals", "depth", "views_normals"),
    "eval_goliath": tuple(
        part + kind for part in ("face", "upper_body", "full_body") for kind in ("", "_normals")
    ),
}
UNITS = {"_mm": "mm", "_m": "m", "_deg": "degrees", "_percent": "%", "_kpx": "1,000 px"}


def test_every_figure_is_of_a_measure_and_in_its_unit():
    assert published.FIGURES
    for each in published.FIGURES:
        measures = [measure.name for measure in BENCHMARKS[each.benchmark].measures]
        assert each.metric in measures, each
        unit = next((u for end, u in UNITS.items() if each.metric.endswith(end)), "")
        assert each.unit == unit and each.source and each.figure > 0, each


def test_no_figure_is_given_twice():
    keys = [(each.benchmark, each.metric, each.method) for each in published.FIGURES]
    assert len(set(keys)) == len(keys)


def test_goliath_is_in_metres_whoever_printed_it():
    """The largest published error, of a body at some metres: decimetres would be ten times that."""
    depths = [e for e in published.FIGURES if e.benchmark.startswith("goliath") and e.unit == "m"]
    assert max(each.figure for each in depths) < 0.15
    assert all("divided by 10" in e.source for e in depths if e.method != "THFM")


def test_the_page_shows_the_table():
    page = (ROOT / "docs" / "evaluation.md").read_text()
    assert published.table() in page, "run python -m configs.published"
    for source in {each.source for each in published.FIGURES}:
        assert source.split(",")[0].split(";")[0] in page, source


@pytest.mark.parametrize("name", CONFIGS)
def test_configurations_name_benchmarks_and_their_options(name):
    get_config = importlib.import_module(f"configs.{name}").get_config
    for arguments in [(), *((variant,) for variant in VARIANTS.get(name, ()))]:
        settings = config.build(Settings, get_config(*arguments).to_dict())
        benchmark = BENCHMARKS[settings.benchmark]
        assert settings.options == benchmark.options


def test_every_benchmark_has_a_configuration_and_a_place_on_the_page():
    named = set()
    for name in CONFIGS:
        get_config = importlib.import_module(f"configs.{name}").get_config
        for arguments in [(), *((variant,) for variant in VARIANTS.get(name, ()))]:
            named.add(get_config(*arguments).benchmark)
    page = (ROOT / "docs" / "evaluation.md").read_text()
    assert named == set(BENCHMARKS)
    for name in BENCHMARKS:
        assert f"`{name}`" in page, name
