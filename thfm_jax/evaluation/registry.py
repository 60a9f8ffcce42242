"""All benchmarks by name."""

from thfm_jax.evaluation import (
    coco,
    densepose,
    depth,
    matting,
    normals,
    pose,
    synth_human,
    synthetic,
    world,
)
from thfm_jax.evaluation.benchmark import Benchmark

BENCHMARKS: dict[str, Benchmark] = {
    benchmark.name: benchmark
    for benchmark in (
        synthetic.SYNTHETIC_TEST,
        synthetic.SYNTHETIC_MULTI,
        synthetic.SYNTHETIC_ANIMALS,
        synthetic.SYNTHETIC_CARTOON,
        *depth.BENCHMARKS,
        *normals.BENCHMARKS,
        *matting.BENCHMARKS,
        *synth_human.BENCHMARKS,
        coco.COCO,
        densepose.DENSEPOSE_COCO,
        densepose.DENSEPOSE_COCO_PARTS,
        *pose.BENCHMARKS,
        world.EMDB2_WORLD,
    )
}


def find(name: str) -> Benchmark:
    """The benchmark of that name; ValueError lists those that there are."""
    if name not in BENCHMARKS:
        raise ValueError(f"no benchmark {name!r}: there are {', '.join(BENCHMARKS)}")
    return BENCHMARKS[name]
