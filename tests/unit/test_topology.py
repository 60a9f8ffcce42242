"""Reports on pods say whether a program fits, and what to do where one cannot be compiled."""

import os

import pytest

from thfm_jax import topology
from thfm_jax.hlo import Traffic
from thfm_jax.topology import Report, Topology, TopologyError

GIB = 2**30


def report(**changes) -> Report:
    fields = {
        "topology": "2 x v5e:4x4",
        "mesh": {"data": 2, "fsdp": 16, "tensor": 1, "sequence": 1},
        "device_kind": "TPU v5 lite",
        "flops": 32 * 197 * 10**12,
        "arguments": 4 * GIB,
        "temporaries": 10 * GIB,
        "peak": 12 * GIB,
        "collectives": {"all-gather": Traffic(30, 2 * 10**9)},
    }
    return Report(**{**fields, **changes})


def test_names():
    assert Topology.parse("v5p:4x4x4") == Topology("v5p:4x4x4")
    assert Topology.parse("2xv5e:16x16") == Topology("v5e:16x16", slices=2)
    for wrong in ("v5e-16", "v5e:16", "0xv5e:4x4", "v5e:4x4x4x4"):
        with pytest.raises(ValueError, match="a topology is like"):
            Topology.parse(wrong)


def test_a_row_says_what_is_needed():
    cells = [cell.strip() for cell in topology.row(report()).split("|")[1:-1]]
    assert len(cells) == topology.HEADER.splitlines()[1].count("---")
    assert cells[:6] == ["2 x v5e:4x4", "data 2 x fsdp 16", "4.00", "10.00", "12.00",
                         "yes: 89% of 15.75"]  # fmt: skip
    assert cells[7:9] == ["1", "2 (30)"]


def test_arguments_and_temporaries_must_fit_together():
    assert report().fits
    too_much = report(temporaries=12 * GIB)
    assert not too_much.fits
    assert "no: 102% of 15.75" in topology.row(too_much)
    failed = report(error="Ran out of memory")
    assert not failed.fits
    assert "no: Ran out of memory" in topology.row(failed)


def test_a_missing_compiler_is_named(monkeypatch):
    monkeypatch.setattr(topology.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(TopologyError, match="pip install"):
        topology.check_libtpu()


def test_the_environment_is_left_as_it_was(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "--mine")
    monkeypatch.delenv("TPU_WORKER_ID", raising=False)
    with topology._environment():
        assert "XLA_FLAGS" not in os.environ
        assert os.environ["TPU_WORKER_ID"] == "0"
    assert os.environ["XLA_FLAGS"] == "--mine"
    assert "TPU_WORKER_ID" not in os.environ
