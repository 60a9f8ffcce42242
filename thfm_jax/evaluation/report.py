"""What an evaluation found: figures with their uncertainty, beside what others published."""

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from jaxtyping import Float, Int

from thfm_jax.evaluation.benchmark import Benchmark, Measure
from thfm_jax.evaluation.results import Result
from thfm_jax.evaluation.tally import Mean, Tally

LEVEL = 0.95  # of the intervals


class Published(Protocol):
    """A published figure, as configs/published.py has them."""

    @property
    def benchmark(self) -> str: ...
    @property
    def metric(self) -> str: ...
    @property
    def method(self) -> str: ...
    @property
    def figure(self) -> float: ...
    @property
    def source(self) -> str: ...


def total(tallies: Sequence[Tally]) -> Tally:
    """Their sum, by halves, so that no long one is copied again and again."""
    if len(tallies) == 1:
        return tallies[0]
    middle = len(tallies) // 2
    return total(tallies[:middle]) + total(tallies[middle:])


def figure(results: Sequence[Result], measure: str, draws: int, seed: int) -> dict[str, Any]:
    """A measure's value over sequences, and its interval where there are several.

    The interval has the 2.5 % and 97.5 % quantiles of the values of `draws` bootstrap samples of
    the sequences.
    """
    tallies = [result.tallies[measure] for result in results if measure in result.tallies]
    if not tallies:
        return {"value": None, "interval": None, "sequences": 0}
    interval = None
    if len(tallies) > 1 and draws:
        rng = np.random.default_rng(seed)
        chosen = rng.integers(len(tallies), size=(draws, len(tallies)))
        values = _drawn(tallies, chosen)
        tail = (1 - LEVEL) / 2
        if np.isfinite(values).any():
            interval = [_plain(q) for q in np.nanquantile(values, (tail, 1 - tail))]
    return {
        "value": _plain(total(tallies).value()),
        "interval": interval,
        "sequences": len(tallies),
    }


def _drawn(
    tallies: Sequence[Tally], chosen: Int[np.ndarray, "draws n"]
) -> Float[np.ndarray, "draws"]:
    """The value of each draw of the tallies."""
    means = [tally for tally in tallies if isinstance(tally, Mean)]
    if len(means) < len(tallies):
        return np.array([total([tallies[at] for at in row]).value() for row in chosen])
    totals, weights = (
        np.array([getattr(mean, part) for mean in means])[chosen].sum(axis=1)
        for part in ("total", "weight")
    )
    return np.divide(totals, weights, out=np.full(len(chosen), np.nan), where=weights > 0)


def _plain(value: float) -> float | None:
    """JSON has no NaN."""
    return float(value) if math.isfinite(value) else None


def figures(
    benchmark: Benchmark, results: Sequence[Result], draws: int, seed: int
) -> dict[str, dict[str, Any]]:
    """`figure` of every measure."""
    return {m.name: figure(results, m.name, draws, seed) for m in benchmark.measures}


def details(benchmark: Benchmark, results: Sequence[Result]) -> dict[str, float | None]:
    """Values of what is scored besides the measures, such as errors of single joints."""
    shown = {measure.name for measure in benchmark.measures}
    names = dict.fromkeys(name for result in results for name in result.tallies)
    return {n: figure(results, n, 0, 0)["value"] for n in names if n not in shown}


def grouped(
    benchmark: Benchmark, results: Sequence[Result], draws: int, seed: int
) -> dict[str, dict[str, Any]]:
    """`figures` by kind of group and group: {"camera": {"28": {...}}}."""
    kinds = sorted({kind for result in results for kind in result.groups})
    table: dict[str, dict[str, Any]] = {}
    for kind in kinds:
        names = sorted({result.groups[kind] for result in results if kind in result.groups})
        table[kind] = {
            name: figures(
                benchmark, [r for r in results if r.groups.get(kind) == name], draws, seed
            )
            for name in names
        }
    return table


def summary(
    benchmark: Benchmark,
    results: Sequence[Result],
    skipped: Mapping[str, int],
    draws: int,
    seed: int,
) -> dict[str, Any]:
    """All that results.json says of the scores.

    Args:
      benchmark: what was scored.
      results: of all sequences that were.
      skipped: the names of the others and how many frames they have.
      draws, seed: of the bootstrap.
    """
    frames = sum(result.frames for result in results)
    scored = sum(result.scored for result in results)
    return {
        "benchmark": benchmark.name,
        "title": benchmark.title,
        "protocol": benchmark.protocol,
        "figures": figures(benchmark, results, draws, seed),
        "details": details(benchmark, results),
        "groups": grouped(benchmark, results, draws, seed),
        "intervals": f"{LEVEL:.0%} by bootstrap over sequences, {draws} draws, seed {seed}",
        "sequences": {"scored": len(results), "skipped": sorted(skipped)},
        "frames": {
            "scored": scored,
            "masked": frames - scored,
            "skipped": sum(skipped.values()),
        },
    }


def worst_frames(results: Iterable[Result], sign: int, count: int) -> list[tuple[str, int, float]]:
    """(sequence, frame, score) of the worst, the worst first; `sign` is 1 where large is bad."""
    frames = [(result.name, frame, score) for result in results for frame, score in result.worst]
    return sorted(frames, key=lambda row: (-sign * row[2], row[0], row[1]))[:count]


def to_csv(benchmark: Benchmark, results: Sequence[Result]) -> str:
    """One line per sequence: groups, frames, and the value of each measure."""
    kinds = sorted({kind for result in results for kind in result.groups})
    names = [measure.name for measure in benchmark.measures]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["sequence", *kinds, "frames", "scored", *names])
    for result in results:
        values = [
            repr(result.tallies[name].value()) if name in result.tallies else "" for name in names
        ]
        groups = [result.groups.get(kind, "") for kind in kinds]
        writer.writerow([result.name, *groups, result.frames, result.scored, *values])
    return out.getvalue()


Row = tuple[str, dict[str, str], str]  # method, measure -> shown figure, source


def rows(
    benchmark: Benchmark,
    found: Mapping[str, Mapping[str, Any]],
    label: str,
    published: Sequence[Published],
) -> list[Row]:
    """The rows of the table: each published method, and this evaluation as the last one."""
    table: dict[str, tuple[dict[str, str], list[str]]] = {}
    for entry in published:
        if entry.benchmark == benchmark.name:
            cells, sources = table.setdefault(entry.method, ({}, []))
            cells[entry.metric] = f"{entry.figure:g}"
            if entry.source not in sources:
                sources.append(entry.source)
    own = {name: _shown(each) for name, each in found.items() if each["value"] is not None}
    return [
        *((method, cells, "; ".join(sources)) for method, (cells, sources) in table.items()),
        (label, own, "this evaluation"),
    ]


def _shown(found: Mapping[str, Any]) -> str:
    value = f"{found['value']:.4g}"
    if found["interval"] is None or None in found["interval"]:
        return value
    low, high = found["interval"]
    return f"{value} [{low:.4g}, {high:.4g}]"


def _heading(measure: Measure) -> str:
    return f"{measure.label} {'↓' if measure.better == 'lower' else '↑'}"


def to_markdown(benchmark: Benchmark, table: Sequence[Row]) -> str:
    """The rows as a Markdown table, with the protocol beneath."""
    used = _used(benchmark, table)
    lines = [
        f"| {benchmark.title} | {' | '.join(_heading(m) for m in used)} | source |",
        f"|---|{'---|' * len(used)}---|",
    ]
    for method, cells, source in table:
        shown = " | ".join(cells.get(m.name, "") for m in used)
        lines.append(f"| {method} | {shown} | {source} |")
    return "\n".join(lines) + f"\n\n{benchmark.protocol}\n"


def to_latex(benchmark: Benchmark, table: Sequence[Row]) -> str:
    """The rows as a LaTeX tabular; sources stand in comments."""
    used = _used(benchmark, table)
    arrow = {"lower": r"$\downarrow$", "higher": r"$\uparrow$"}
    head = " & ".join(f"{_escape(m.label)} {arrow[m.better]}" for m in used)
    lines = [
        rf"\begin{{tabular}}{{l{'r' * len(used)}}}",
        r"\hline",
        rf"{_escape(benchmark.title)} & {head} \\",
        r"\hline",
    ]
    for method, cells, source in table:
        shown = " & ".join(cells.get(m.name, "--") for m in used)
        lines.append(rf"{_escape(method)} & {shown} \\ % {source}")
    return "\n".join([*lines, r"\hline", r"\end{tabular}"]) + "\n"


def _used(benchmark: Benchmark, table: Sequence[Row]) -> list[Measure]:
    """The measures that any row has."""
    return [m for m in benchmark.measures if any(m.name in cells for _, cells, _ in table)]


_SIGNS = str.maketrans(
    {sign: f"\\{sign}" for sign in "&%_#${}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    | {"<": "$<$", ">": "$>$", "°": r"$^\circ$", "²": "$^2$", "³": "$^3$", "δ": r"$\delta$"}
)


def _escape(text: str) -> str:
    return text.translate(_SIGNS)


def gallery_page(title: str, frames: Sequence[tuple[str, int, float]], files: Sequence[str]) -> str:
    """An HTML page of the worst frames' pictures, the worst first."""
    parts = [f"<!doctype html><meta charset=utf-8><title>{title}</title><h1>{title}</h1>"]
    for rank, ((name, frame, score), file) in enumerate(zip(frames, files, strict=True), 1):
        parts.append(f"<h2>{rank}. {name}, frame {frame}: {score:.4g}</h2><img src='{file}'>")
    return "\n".join(parts) + "\n"


def to_json(data: Mapping[str, Any]) -> str:
    """Readable JSON text."""
    return json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
