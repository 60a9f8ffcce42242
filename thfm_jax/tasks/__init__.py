"""The tasks by name. To add one: write its file and give it a line in `TASKS`."""

import difflib
from collections.abc import Sequence

from thfm_jax.tasks import densepose, depth, keypoints2d, keypoints3d, matte, normals
from thfm_jax.tasks.spec import TaskSpec

TASKS: dict[str, TaskSpec] = {
    "depth": depth.SPEC,
    "normals": normals.SPEC,
    "matte": matte.SPEC,
    "densepose": densepose.SPEC,
    "keypoints2d": keypoints2d.SPEC,
    "keypoints3d": keypoints3d.SPEC,
}


def lookup(names: str | Sequence[str]) -> tuple[str, ...]:
    """The task names meant by "all", a comma-separated list or a sequence, in `TASKS` order.

    Spaces and repetitions do not matter. Raises ValueError for an unknown name, with the nearest
    known one, and where there is no name at all.
    """
    parts = names.split(",") if isinstance(names, str) else names
    wanted = {name.strip() for name in parts} - {""}
    if wanted == {"all"}:
        return tuple(TASKS)
    for name in sorted(wanted - set(TASKS)):
        near = difflib.get_close_matches(name, TASKS, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else "."
        raise ValueError(f"unknown task {name!r}{hint} There are {', '.join(TASKS)}")
    if not wanted:
        raise ValueError(f"no task given; there are {', '.join(TASKS)}")
    return tuple(name for name in TASKS if name in wanted)
