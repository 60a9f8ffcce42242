"""Weights go straight onto a mesh, and each device reads only the rows that it holds."""

import numpy as np
import pytest

from tests.unit.convert_sources import run_python, write_diffusers, write_original
from thfm_jax.convert import assemble, load
from thfm_jax.convert.source import open_source
from thfm_jax.convert.stored import StoredTensor

ON_A_MESH = """
import sys
import jax, numpy as np
from jax.sharding import AxisType, NamedSharding, PartitionSpec as P
from thfm_jax.convert import load, load_onto_mesh
mesh = jax.make_mesh((2, 4), ("a", "b"), axis_types=(AxisType.Auto,) * 2)

def sharding_of(path, shape):
    "Every axis that divides, on the mesh's axes in turn."
    free = ["a", "b"]
    names = [
        free.pop(0) if free and n % mesh.shape[free[0]] == 0 else None for n in reversed(shape)
    ]
    return NamedSharding(mesh, P(*reversed(names)))

sharded = 0
for part in ("dit", "vae", "text_encoder"):
    _, whole = load(sys.argv[1], part)
    _, spread = load_onto_mesh(sys.argv[1], part, sharding_of)
    assert jax.tree.structure(whole) == jax.tree.structure(spread)
    for one, other in zip(jax.tree.leaves(whole), jax.tree.leaves(spread)):
        assert one.dtype == other.dtype and len(other.addressable_shards) == 8
        sharded += other.addressable_shards[0].data.size < one.size
        for shard in other.addressable_shards:
            np.testing.assert_array_equal(shard.data, one[shard.index])
print(sharded)
"""


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    folder = tmp_path_factory.mktemp("released")
    diffusers = write_diffusers(folder / "diffusers")
    return {"diffusers": diffusers, "original": write_original(folder / "original", diffusers)}


@pytest.mark.parametrize("layout", ["diffusers", "original"])
def test_shards_on_eight_devices_are_the_slices_of_the_whole(released, layout):
    process = run_python(ON_A_MESH, released[layout], devices=8)
    assert process.returncode == 0, process.stderr
    assert int(process.stdout) > 100


def test_a_shard_reads_its_rows_only(released, monkeypatch):
    """Half of the outputs of one layer of a (3, 24, 40) kernel is half of one tensor's bytes."""
    source = open_source(released["diffusers"], ["dit"]).parts["dit"]
    row = next(row for row in source.rows if row.names.ours == "blocks.ffn.up.kernel")
    whole = assemble.assemble(source, row, np.dtype(np.float32))
    read, sizes = StoredTensor.read, []

    def counting(self, *rows):
        array = read(self, *rows)
        sizes.append(array.nbytes)
        return array

    monkeypatch.setattr(StoredTensor, "read", counting)
    index = (slice(1, 2), slice(None), slice(20, 40))
    part = assemble.assemble(source, row, np.dtype(np.float32), index)
    np.testing.assert_array_equal(part, whole[index])
    assert sizes == [24 * 20 * 4]


def test_dtype_is_chosen_as_in_a_conversion(released):
    _, tree = load(released["diffusers"], "dit", dtype="bfloat16")
    assert tree["blocks"]["ffn"]["up"]["kernel"].dtype == "bfloat16"
    assert tree["blocks"]["ffn"]["up"]["bias"].dtype == "float32"
    assert tree["time_projection"]["kernel"].dtype == "float32"


def test_lists_of_modules_have_integer_keys(released):
    _, tree = load(released["diffusers"], "vae")
    assert sorted(tree["encoder"]["down"]) == [0, 1, 2, 3, 4]
    assert sorted(tree["decoder"]["up"]) == list(range(8))
