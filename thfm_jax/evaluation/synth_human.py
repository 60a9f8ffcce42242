"""SynthHuman's stills, scored in depth, normals and matting by the protocols of the three tasks."""

from thfm_jax.data.benchmarks.synth_human import open_synth_human
from thfm_jax.evaluation import depth, matting, normals
from thfm_jax.evaluation.benchmark import Benchmark, Scores


def score(predictions, truth, sequence) -> Scores:
    """The measures of all three; a frame's own score is the RMSE of its depth."""
    parts = [
        part(predictions, truth, sequence)
        for part in (depth.score_images, normals.score, matting.score)
    ]
    tallies = {name: tally for part in parts for name, tally in part.tallies.items()}
    return Scores(tallies, parts[0].frames)


SYNTH_HUMAN = Benchmark(
    name="synth_human",
    title="SynthHuman",
    tasks=("depth", "normals", "matte"),
    measures=depth.MEASURES + normals.MEASURES + matting.MEASURES,
    open_=open_synth_human,
    score=score,
    protocol="Stills that training left out; none are released as such. "
    f"Depth: {depth.PROTOCOL} Normals: {normals.PROTOCOL} Matting: {matting.PROTOCOL}",
    block=1,
    options={"first": 0, "last": None, "images": None, "check": True},
)

BENCHMARKS = (SYNTH_HUMAN,)
