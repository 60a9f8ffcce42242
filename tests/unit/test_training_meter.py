"""What a log line says of the speed of a training."""

import time

import numpy as np
import pytest

from thfm_jax.training import meter
from thfm_jax.training.meter import Meter
from thfm_jax.types import Batch, Clip


def batch(clips: int, frames: int) -> Batch:
    return Batch(Clip(np.zeros((clips, frames, 4, 4, 3), np.uint8), np.ones(clips)), {})


def test_rates_count_the_clips_of_all_processes(monkeypatch):
    now = iter(np.arange(0.0, 100.0))
    monkeypatch.setattr(time, "perf_counter", lambda: next(now))
    clock = Meter(shares=4)  # at 0
    with clock.waiting():  # from 1 to 2
        pass
    for size in ((2, 17), (3, 1)):
        clock.add({"loss": float(size[0]), "skipped": float(size[1])}, batch(*size))
    figures = clock.read()  # at 3, after 3 seconds
    assert figures["steps_per_second"] == pytest.approx(2 / 3)
    assert figures["clips_per_second"] == pytest.approx(4 * 5 / 3)
    assert figures["frames_per_second"] == pytest.approx(4 * (34 + 3) / 3)
    assert figures["input_wait_share"] == pytest.approx(1 / 3)
    assert figures["loss"] == 2.5 and figures["skipped"] == 1
    assert "tflops" not in figures and "mfu" not in figures


def test_each_shape_of_batch_has_its_own_flops(monkeypatch):
    now = iter(np.arange(0.0, 100.0))
    monkeypatch.setattr(time, "perf_counter", lambda: next(now))
    count = lambda batch, figures: 1e12 * batch.clip.frames.shape[1] * figures["depth/rows"]
    clock = Meter(1, count, peak_flops=100e12)  # at 0
    clock.add({"depth/rows": 1.0}, batch(1, 17))
    clock.add({"depth/rows": 2.0}, batch(8, 1))
    figures = clock.read()  # at 1
    assert figures["tflops"] == pytest.approx(19) and figures["mfu"] == pytest.approx(0.19)


def test_evaluation_is_in_no_rate(monkeypatch):
    now = iter([0.0, 1.0, 91.0, 92.0, 93.0])
    monkeypatch.setattr(time, "perf_counter", lambda: next(now))
    clock = Meter(1)
    with clock.pausing():
        pass
    clock.add({}, batch(1, 1))
    assert clock.read()["steps_per_second"] == pytest.approx(1 / 2)


def test_the_fullest_device_is_told_where_devices_tell(monkeypatch):
    class Device:
        def __init__(self, peak):
            self.peak = peak

        def memory_stats(self):
            return {"peak_bytes_in_use": self.peak}

    assert meter.memory_peak() is None  # CPUs do not
    monkeypatch.setattr(meter.jax, "local_devices", lambda: [Device(3 * 2**30), Device(2**30)])
    clock = Meter(1)
    clock.add({}, batch(1, 1))
    assert clock.read()["memory_peak_gib"] == 3
