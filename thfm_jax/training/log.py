"""What a training reports: JSON lines, TensorBoard events and pictures, written by one process."""

import json
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
from PIL import Image
from tensorboardX import SummaryWriter

METRICS = "metrics.jsonl"


class Log:
    """The records of a working directory; other processes than the first write nothing."""

    def __init__(self, workdir: Path):
        """Goes on with the files of a training that is resumed."""
        self._writes = jax.process_index() == 0
        if self._writes:
            workdir.mkdir(parents=True, exist_ok=True)
            self._lines = (workdir / METRICS).open("a")
            self._events = SummaryWriter(str(workdir / "events"))
            self._pictures = workdir / "pictures"

    def scalars(self, step: int, kind: str, values: Mapping[str, float]) -> None:
        """One line {"step", "kind", "time", name: value, ...}; null for what is not finite.

        TensorBoard gets what is finite.
        """
        if not self._writes:
            return
        plain = {name: float(value) for name, value in values.items()}
        line: dict[str, Any] = {"step": step, "kind": kind, "time": round(time.time(), 3)}
        line |= {name: v if math.isfinite(v) else None for name, v in plain.items()}
        self._lines.write(json.dumps(line) + "\n")
        self._lines.flush()
        for name, value in plain.items():
            if math.isfinite(value):
                self._events.add_scalar(f"{kind}/{name}", value, step)

    def picture(self, step: int, name: str, picture: np.ndarray) -> None:
        """An RGB picture [H, W, 3] uint8, also as pictures/STEP_NAME.png."""
        if not self._writes:
            return
        self._pictures.mkdir(exist_ok=True)
        Image.fromarray(picture).save(self._pictures / f"{step:08d}_{name}.png")
        self._events.add_image(name, picture, step, dataformats="HWC")

    def close(self) -> None:
        """Writes out what is pending."""
        if self._writes:
            self._lines.close()
            self._events.close()
