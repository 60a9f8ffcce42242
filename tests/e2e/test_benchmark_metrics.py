"""`python -m experiments.benchmark_metrics` measures every metric and judges it by its bar."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_metric_has_a_row():
    command = [sys.executable, "-m", "experiments.benchmark_metrics", "--frames=1", "--size=32"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rows = re.findall(r"^\| (.+) \| [\d,]+ \| [\d,]+ \| ([\d,]+): \w+ \|$", done.stdout, re.M)
    assert [name for name, bar in rows if bar == "20,000"][:3] == ["MPJPE", "N-MPJPE", "PA-MPJPE"]
    assert sum(bar == "200" for _, bar in rows) == 14
    assert len(rows) == 22
