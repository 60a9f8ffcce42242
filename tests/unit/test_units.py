"""Predictions in another convention are told apart from bad ones."""

import re

import numpy as np
import pytest

from tests.unit.drawn_predictions import perfect
from thfm_jax.evaluation import units
from thfm_jax.types import Target

MASKED = ("depth", "normals")
NOISE = np.random.default_rng(0)


class Clip:
    """The first of `drawn_predictions`, whose truth is what is perfect."""

    height, width = 32, 48
    values = perfect(0)
    empty = False

    def truth(self, frames):
        body = self.values["matte"][frames] > 0.5
        lift = lambda value: value[frames, ..., None] if value.ndim == 3 else value[frames]
        return {
            task: Target(
                lift(self.values[task]),
                np.zeros_like(body) if self.empty else body if task in MASKED else body | True,
            )
            for task in (*MASKED, "matte")
        }


MAP = (5, 32, 48)
BAD = {
    "depth": [np.ones(MAP), NOISE.random(MAP), 5 * Clip.values["depth"] - 3],
    "normals": [np.broadcast_to([0.0, 0, 1], (*MAP, 3)), np.zeros((*MAP, 3))],
    "matte": [np.ones(MAP), NOISE.random(MAP)],
}


def colours(normals):
    return (normals + 1) / 2


def disparity(depth):
    return 1 / np.maximum(depth, 0.1)


@pytest.mark.parametrize(
    "task, change, message",
    [
        ("normals", colours, "not colours"),
        ("normals", lambda x: 255 * colours(x), "not colours"),
        ("normals", lambda x: 127 * x, "length 1 or 0$"),
        ("normals", lambda x: 0.3 * x, "length 1 or 0$"),
        ("normals", lambda x: x * [1, -1, -1], r"order \(x, -y, -z\)"),
        ("normals", lambda x: x * [1, -1, 1], r"order \(x, -y, z\)"),
        ("normals", lambda x: x * [-1, 1, 1], r"order \(-x, y, z\)"),
        ("normals", lambda x: x[..., ::-1], r"order \(z, y, x\)"),
        ("depth", disparity, "not disparity"),
        ("depth", lambda x: -x, "grows away from the camera"),
        ("matte", lambda x: 1 - x, "not on the background"),
        ("matte", lambda x: 255 * x, r"alpha in \[0, 1\]"),
        ("densepose", lambda x: 10 * x, "metres on the template"),
        ("densepose", lambda x: 1000 * x, "metres on the template"),
        ("keypoints2d", lambda x: x / [48, 32, 1], "pixels"),
        ("keypoints3d", lambda x: 10 * x, "metres, not decimetres"),
        ("keypoints3d", lambda x: 1000 * x, "metres, not millimetres"),
    ],
)
def test_what_was_expected_is_said(task, change, message):
    assert re.search(message, units.expected(task, change(Clip.values[task]), Clip()))


@pytest.mark.parametrize("task", Clip.values)
def test_what_is_right_or_only_bad_passes(task):
    value = Clip.values[task]
    noisy = value * NOISE.uniform(0.7, 1.3, value.shape)
    spoilt = np.where(NOISE.random(value.shape) < 0.1, np.nan, value)
    for each in (value, noisy, spoilt, np.full_like(value, np.nan), *BAD.get(task, [])):
        assert units.expected(task, each, Clip()) == ""


def test_nothing_is_said_where_there_is_no_label():
    clip = Clip()
    clip.empty = True
    assert units.expected("depth", -Clip.values["depth"], clip) == ""
    assert units.expected("normals", -Clip.values["normals"], clip) == ""


def test_a_single_frame_is_looked_at():
    assert "disparity" in units.expected("depth", -Clip.values["depth"][:1], Clip())
