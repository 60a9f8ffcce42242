"""Measures the speed of the model and its parts, against diffusers where it can, and of the loop.

    python -m experiments.benchmark --config=configs/benchmark_cpu.py [--output=FILE.json]
    python -m experiments.benchmark --config=configs/benchmark_gpu.py [--output=FILE.json]

Prints Markdown tables; --output also keeps every sample. docs/benchmarks.md explains the method.
"""

import dataclasses
import importlib.util
import json
import os
import statistics
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import ml_collections
from absl import app, flags
from ml_collections import config_flags

from experiments import benchmark_jax, benchmark_loop, benchmark_train
from thfm_jax import flops, measure
from thfm_jax.config import Compute, ThfmConfig, preset
from thfm_jax.measure import Program, Result, Sample
from thfm_jax.tasks import TASKS

_CONFIG = config_flags.DEFINE_config_file("config", None, "What to measure.", lock_config=True)
_OUTPUT = flags.DEFINE_string("output", None, "JSON file to write.")

OURS, THEIRS = "thfm_jax", "diffusers"


@dataclasses.dataclass(frozen=True)
class Case:
    """Programs that do the same work; the bars are for OURS.

    It needs `flops`, None where they are not known beforehand. `timed` tells whether its time is
    what is asked for.
    """

    name: str
    dtype: str
    flops: int | None
    programs: Mapping[str, Callable[[], Program]]
    bars: tuple[float, ...] = ()
    timed: bool = True


@dataclasses.dataclass(frozen=True)
class Measurement:
    case: Case
    results: dict[str, Result]
    error: str = ""


def cases(config: ml_collections.ConfigDict) -> Iterator[Case]:
    """What the configuration asks for, from the large to the small."""
    model = _model(config)
    compute = Compute(**config.compute)
    if config.diffusers and (compute.dtype, compute.vae_dtype) != ("float32", "float32"):
        raise ValueError(
            "the comparison with diffusers is in float32; else --config.diffusers=False"
        )
    torch = _torch() if config.diffusers else None
    for size in _sizes(config.train):
        yield _train(config, compute, size)
    for size in _sizes(config.predict):
        yield _predict(size)
    for size in _sizes(config.perceive):
        yield _perceive(model, compute, size)
    for size in _sizes(config.dit):
        yield _dit(model, compute, size, torch, config.bars.dit)
    for size in _sizes(config.vae):
        yield from _vae(model, compute, size, torch, config.bars.vae)
    for size in _sizes(config.convolution):
        yield _convolution(size, compute.vae_dtype, torch)
    for (tokens,) in _sizes(config.attention):
        budgets = [mib for (mib,) in _sizes(config.logits_mib)]
        yield _attention(model, tokens, compute.dtype, budgets, torch)
    for (milliseconds,) in _sizes(config.loop):
        yield _loop(model, milliseconds, config.bars.loop)


def _predict(size) -> Case:
    name = f"thfm-tiny, clip to predictions {_name(size)}"
    return Case(name, "float32", None, {OURS: partial(benchmark_jax.Prediction, size)})


def _train(config: ml_collections.ConfigDict, compute: Compute, size) -> Case:
    if config.layers:
        raise ValueError("the train step is that of the whole model: leave layers out, or train")
    count = benchmark_train.worth(config.model, compute, size)
    build = partial(benchmark_train.TrainStep, config.model, compute, size)
    *shape, clips = size
    name = f"train step, {clips} clip{'s' if clips > 1 else ''} {_name(shape)}"
    return Case(name, compute.dtype, count, {OURS: build})


def _perceive(model: ThfmConfig, compute: Compute, size) -> Case:
    dense = tuple(spec.kind == "dense" for spec in TASKS.values())
    count = flops.perceive_tasks(
        model,
        *size,
        tasks=len(dense),
        dense_tasks=sum(dense),
        text_tokens=benchmark_jax.FOLDED_TOKENS,
    )
    build = partial(benchmark_jax.perceive, model, compute, size, dense)
    return Case(f"all {len(dense)} tasks {_name(size)}", compute.dtype, count, {OURS: build})


def _dit(model: ThfmConfig, compute: Compute, size, torch, bars) -> Case:
    grid = model.vae.latent_grid(*size)
    count = flops.dit_forward(model.dit, grid, model.dit.text_length)
    programs = {OURS: partial(benchmark_jax.dit, model, compute, size)}
    if torch:
        programs[THEIRS] = partial(torch.dit, model, size)
    name = f"trunk, {model.dit.layers} layers {_name(size)}"
    return Case(name, compute.dtype, count, programs, bars)


def _vae(model: ThfmConfig, compute: Compute, size, torch, bars) -> Iterator[Case]:
    for part, count in (("encode", flops.vae_encode), ("decode", flops.vae_decode)):
        programs = {OURS: partial(getattr(benchmark_jax, part), model, compute, size)}
        if torch:
            programs[THEIRS] = partial(getattr(torch, part), model, size)
        name = f"VAE {part} {_name(size)}"
        yield Case(name, compute.vae_dtype, count(model.vae, *size), programs, bars)


def _convolution(size, dtype: str, torch) -> Case:
    frames, height, width, channels = size
    clip = (frames, height, width)
    programs = {
        form: partial(benchmark_jax.convolution, clip, channels, dtype, form)
        for form in ("native", "planes")
    }
    if torch:
        programs["torch"] = partial(torch.convolution, clip, channels)
    count = 2 * 27 * channels**2 * frames * height * width
    return Case(f"3x3x3 convolution {_name(size)}", dtype, count, programs)


def _attention(model: ThfmConfig, tokens: int, dtype: str, budgets, torch) -> Case:
    shape = (tokens, model.dit.heads, model.dit.head_dim)
    programs = {
        f"{mib} MiB of logits": partial(benchmark_jax.attention, *shape, dtype, mib)
        for mib in budgets
    }
    if torch:
        programs["torch"] = partial(torch.attention, *shape)
    return Case(f"attention {_name(shape)}", dtype, 4 * tokens**2 * model.dit.dim, programs)


def _loop(model: ThfmConfig, milliseconds: int, bar: float) -> Case:
    steps = max(60, 1500 // milliseconds)
    programs = {OURS: partial(benchmark_loop.NullLoop, model, milliseconds, steps)}
    bars = (bar,) if milliseconds >= benchmark_loop.BAR_MILLISECONDS else ()
    name = f"training loop, steps of about {milliseconds} ms"
    return Case(name, "", None, programs, bars, timed=False)


def run(case: Case, samples: int, alternate: bool) -> Measurement:
    """Times the programs of a case; one that cannot be built or run costs this case alone."""
    groups = [case.programs] if alternate else [{n: p} for n, p in case.programs.items()]
    results: dict[str, Result] = {}
    try:
        for group in groups:
            results |= measure.alternate(group, samples)
    except RuntimeError as error:
        return Measurement(case, results, str(error))
    return Measurement(case, results)


def times_table(measurements: list[Measurement]) -> Iterator[str]:
    """Markdown rows: one for each program."""
    yield "| work | program | seconds | CPU s | TFLOP/s | of peak | compile s | peak GB |"
    yield "|---|---|---|---|---|---|---|---|"
    for measurement in measurements:
        case = measurement.case
        if not case.timed:
            continue
        for name, result in measurement.results.items():
            facts, rate = result.facts, (case.flops or 0) / result.seconds
            peak = flops.peak(facts.get("device", "")) if case.dtype == "bfloat16" else None
            seconds = [sample.seconds for sample in result.samples]
            cells = (
                f"{result.seconds:.3g} ({min(seconds):.3g} to {max(seconds):.3g})",
                f"{result.cpu_seconds:.3g}",
                f"{rate / 1e12:.3g}" if rate else "",
                f"{rate / peak:.0%}" if peak else "",
                f"{facts['compile_seconds']:.3g}" if "compile_seconds" in facts else "",
                f"{(facts.get('peak_device_bytes') or facts['peak_rss_bytes']) / 1e9:.2f}",
            )
            yield f"| {case.name} | {name} | {' | '.join(cells)} |"


def ratios_table(measurements: list[Measurement]) -> Iterator[str]:
    """Markdown rows: our speed with diffusers' as 1, by the clock and by processor time."""
    yield f"| work | speed, {THEIRS} = 1 | by CPU s | bars |"
    yield "|---|---|---|---|"
    for measurement in measurements:
        if not {OURS, THEIRS} <= measurement.results.keys():
            continue
        speed = ratio(measurement, lambda sample: sample.seconds)
        cpu = ratio(measurement, lambda sample: sample.cpu_seconds)
        bars = [
            f"at least {bar:g}: {'met' if speed.median >= bar else 'not met'}"
            for bar in measurement.case.bars
        ]
        yield (
            f"| {measurement.case.name} | {speed.median:.2f} ({speed.low:.2f} to {speed.high:.2f}) "
            f"| {cpu.median:.2f} | {', '.join(bars)} |"
        )


def loops_table(measurements: list[Measurement]) -> Iterator[str]:
    """Markdown rows: the share of the training loop's time outside the compiled step."""
    yield "| work | step alone, ms | in the loop, ms | outside the step | input wait | bar |"
    yield "|---|---|---|---|---|---|"
    for measurement in measurements:
        for result in measurement.results.values():
            if "loop_seconds" not in result.facts:
                continue
            # The first run is the warm-up.
            alone, looped = (result.facts[k][1:] for k in ("step_seconds", "loop_seconds"))
            part = measure.ratio(alone, looped)
            outside, low, high = 1 - part.median, 1 - part.high, 1 - part.low
            bars = [
                f"at most {bar:.0%}: {'met' if outside <= bar else 'not met'}"
                for bar in measurement.case.bars
            ]
            yield (
                f"| {measurement.case.name} | {1e3 * statistics.median(alone):.3g} "
                f"| {1e3 * statistics.median(looped):.3g} "
                f"| {outside:.1%} ({low:.1%} to {high:.1%}) "
                f"| {result.facts['input_wait_share']:.2%} | {', '.join(bars)} |"
            )


def ratio(measurement: Measurement, cost: Callable[[Sample], float]) -> measure.Ratio:
    """diffusers' cost over ours."""
    theirs, ours = (
        [cost(sample) for sample in measurement.results[name].samples] for name in (THEIRS, OURS)
    )
    return measure.ratio(theirs, ours)


def record(machine: dict, config: ml_collections.ConfigDict, measurements) -> dict:
    """All that was measured, as JSON takes it."""
    return {
        "machine": machine,
        "config": config.to_dict(),
        "cases": [
            {
                "name": m.case.name,
                "dtype": m.case.dtype,
                "flops": m.case.flops,
                "bars": list(m.case.bars),
                "programs": {name: dataclasses.asdict(r) for name, r in m.results.items()},
                "error": m.error,
            }
            for m in measurements
        ],
    }


def _model(config: ml_collections.ConfigDict) -> ThfmConfig:
    model = preset(config.model)
    layers = config.layers or model.dit.layers
    return dataclasses.replace(model, dit=dataclasses.replace(model.dit, layers=layers))


def _sizes(text: str) -> list[tuple[int, ...]]:
    return [tuple(map(int, size.split("x"))) for size in text.split(",") if size]


def _name(size) -> str:
    return "x".join(map(str, size))


def _torch():
    """The module of PyTorch's programs, None where its packages are missing."""
    missing = [name for name in ("torch", "diffusers") if not importlib.util.find_spec(name)]
    if missing:
        print(f"{' and '.join(missing)} not installed: nothing to compare with", file=sys.stderr)
        return None
    from experiments import benchmark_torch

    return benchmark_torch


def _describe(machine: dict, measurements: list[Measurement]) -> str:
    facts = [result.facts for m in measurements for result in m.results.values()]
    devices = sorted({fact["device"] for fact in facts if "device" in fact})
    versions = ", ".join(f"{name} {v}" for name, v in machine["versions"].items() if v)
    return (
        f"{machine['date']}, {', '.join(devices) or 'no device'}; {machine['cpu']}, "
        f"{machine['cores_used']} of {machine['cores']} cores, "
        f"{machine['memory_bytes'] / 1e9:.0f} GB, load {machine['load_average']:.1f} before; "
        f"{machine['system']}, Python {machine['python']}, {versions}"
    )


def benchmark(config: ml_collections.ConfigDict) -> None:
    """Measures, prints and writes; SystemExit where a case failed, after all others are shown."""
    if config.platform:
        os.environ["JAX_PLATFORMS"] = config.platform  # for the processes that measure
    measure.use_cores(config.threads)
    machine = measure.machine()
    measurements = []
    for case in list(cases(config)):
        print(f"measuring {case.name} ...", file=sys.stderr, flush=True)
        measurements.append(run(case, config.samples, config.alternate))
    print(_describe(machine, measurements))
    if any(m.case.timed for m in measurements):
        print("", *times_table(measurements), sep="\n")
    if config.loop:
        print("", *loops_table(measurements), sep="\n")
    if config.diffusers:
        print("", *ratios_table(measurements), sep="\n")
    if _OUTPUT.value:
        text = json.dumps(record(machine, config, measurements), indent=1) + "\n"
        Path(_OUTPUT.value).write_text(text)
    failed = [f"{m.case.name}: {m.error}" for m in measurements if m.error]
    if failed:
        sys.exit("\n".join(["error: not everything could be measured", *failed]))


def main(_) -> None:
    try:
        benchmark(_CONFIG.value)
    except ValueError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    flags.mark_flag_as_required("config")
    app.run(main)
