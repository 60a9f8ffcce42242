"""Who may import whom, and what `import thfm_jax` must do without."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# A module may import from lower levels, and from its own only within its room.
LEVELS = {
    "types": 0,
    "config": 0,
    "joints": 0,
    "sharding": 0,
    "jaxpr_flops": 0,
    "hlo": 0,
    "ops": 1,
    "measure": 0,
    "flops": 3,
    "models": 2,
    "tasks": 2,
    "data": 2,
    "viz": 2,
    "checkpoints": 2,
    "asking": 3,
    "following": 3,
    "joining": 3,
    "outputs": 4,
    "predict": 4,
    "evaluation": 5,
    "training": 4,
    "topology": 4,
    "programs": 5,
    "convert": 5,
}


def room(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def modules() -> list[tuple[str, Path]]:
    files = sorted((ROOT / "thfm_jax").rglob("*.py"))
    return [(".".join(file.relative_to(ROOT).with_suffix("").parts), file) for file in files]


def imported(file: Path) -> set[str]:
    """Modules of the package that a file imports, also inside functions."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{file} imports relatively"
            if node.module == "thfm_jax":
                names |= {f"thfm_jax.{alias.name}" for alias in node.names}
            else:
                names.add(node.module)
    return names


@pytest.mark.parametrize("module, file", modules(), ids=lambda value: str(value))
def test_imports_point_downwards(module, file):
    names = imported(file)
    assert not {name for name in names if name.split(".")[0] in ("configs", "experiments", "torch")}
    if module == "thfm_jax.__init__":
        return
    here = room(module)
    for name in names:
        there = room(name) if name.startswith("thfm_jax") else here
        if there != here:
            assert LEVELS[there] < LEVELS[here], f"{module} imports {name}"


def test_import_needs_neither_torch_nor_tensorflow():
    program = "import sys, thfm_jax; print(sorted({'torch', 'tensorflow'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


def test_configs_import_nothing_of_the_package_but_the_schema_of_recipes():
    for file in (ROOT / "configs").glob("*.py"):
        names = {name for name in imported(file) if name.startswith("thfm_jax")}
        assert names <= {"thfm_jax.training.recipe"}
