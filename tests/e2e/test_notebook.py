"""The notebook for Colab, run from its first cell to its last."""

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "experiments" / "colab" / "predict.ipynb"


def test_it_is_stored_without_outputs():
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    assert all(not c.outputs and c.execution_count is None for c in cells if c.cell_type == "code")


@pytest.mark.slow
def test_it_runs_and_shows_a_picture(tmp_path):
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    folder = {"metadata": {"path": str(tmp_path)}}
    here = os.environ | {"PYTHONPATH": str(ROOT)}
    NotebookClient(notebook, timeout=600, resources=folder).execute(env=here)
    shown = [
        output["data"]
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if output["output_type"] == "execute_result"
    ]
    assert ["image/png" in data for data in shown] == [True]
    assert (tmp_path / "out" / "meta.json").is_file()
