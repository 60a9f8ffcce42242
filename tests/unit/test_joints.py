"""The joint table is a tree that mirrors onto itself, and the subsets are what they are called."""

import pathlib

import numpy as np
import pytest

from thfm_jax import joints
from thfm_jax.config import PRESETS
from thfm_jax.joints import INDEX, JOINTS, NAMES, SUBSETS


def test_the_model_has_a_token_for_every_joint():
    assert all(preset.sparse.joints == len(JOINTS) == 52 for preset in PRESETS.values())


def test_names_are_unique():
    assert len(set(NAMES)) == len(NAMES)
    assert [NAMES[index] for index in joints.indices(NAMES)] == list(NAMES)


def test_mirror_is_an_involution_that_swaps_sides():
    np.testing.assert_array_equal(joints.MIRROR[joints.MIRROR], np.arange(len(JOINTS)))
    swapped = {"left": "right", "right": "left", "middle": "middle"}
    for joint, partner in zip(JOINTS, joints.MIRROR, strict=True):
        assert JOINTS[partner].side == swapped[joint.side]
        assert JOINTS[partner].definition == joint.definition


def test_mirroring_keeps_the_skeleton():
    mirrored = {tuple(joints.MIRROR[list(edge)].tolist()) for edge in joints.EDGES}
    assert mirrored == set(joints.EDGES)


def test_every_joint_hangs_from_the_root():
    assert NAMES[joints.ROOT] == "mid_hip"
    assert len(joints.EDGES) == len(JOINTS) - 1
    parents = {child: parent for parent, child in joints.EDGES}
    for index in range(len(JOINTS)):
        steps = 0
        while index != joints.ROOT:
            index, steps = parents[index], steps + 1
            assert steps < len(JOINTS)


def test_every_side_has_a_colour():
    assert {joint.side for joint in JOINTS} == set(joints.COLOURS)


@pytest.mark.parametrize(
    ("name", "size"),
    [("coco17", 17), ("coco23", 23), ("h36m17", 17), ("h36m14", 14), ("smpl24", 24)],
)
def test_subset_sizes(name, size):
    assert len(SUBSETS[name]) == len(joints.SUBSET_INDICES[name]) == size
    assert len(set(joints.SUBSET_INDICES[name].tolist())) == size


def test_coco_is_the_beginning_of_the_list():
    np.testing.assert_array_equal(joints.SUBSET_INDICES["coco17"], np.arange(17))
    np.testing.assert_array_equal(joints.SUBSET_INDICES["coco23"], np.arange(23))


def test_subset_indices_name_the_matched_joints():
    for name, matches in SUBSETS.items():
        found = [NAMES[index] for index in joints.SUBSET_INDICES[name]]
        assert found == [match.joint for match in matches]


def test_approximate_matches_say_why_and_exact_ones_have_nothing_to_say():
    for matches in SUBSETS.values():
        for match in matches:
            assert match.exact == (match.note == "")


def test_known_approximations():
    by_name = {name: {match.theirs: match for match in SUBSETS[name]} for name in SUBSETS}
    assert not by_name["coco17"]["left_hip"].exact
    assert by_name["smpl24"]["l_hip"].exact
    assert not by_name["smpl24"]["spine1"].exact
    assert not by_name["h36m17"]["thorax"].exact
    assert by_name["h36m17"]["pelvis"].joint == "mid_hip"


def test_h36m14_takes_the_joints_of_h36m17():
    # Ankle to ankle, wrist to wrist, thorax, head: what SPIN's H36M_TO_J14 picks.
    order = [3, 2, 1, 4, 5, 6, 16, 15, 14, 11, 12, 13, 8, 10]
    np.testing.assert_array_equal(
        joints.SUBSET_INDICES["h36m14"], joints.SUBSET_INDICES["h36m17"][order]
    )


def test_roots_of_the_protocols_are_the_hips():
    hips = {INDEX["left_hip"], INDEX["right_hip"]}
    assert set(joints.SUBSET_INDICES["smpl24"][[1, 2]].tolist()) == hips
    assert set(joints.SUBSET_INDICES["h36m14"][[2, 3]].tolist()) == hips


def test_the_documentation_has_the_table():
    page = (pathlib.Path(__file__).parents[2] / "docs" / "tasks.md").read_text()
    for index, joint in enumerate(JOINTS):
        assert f"| {index} | `{joint.name}` |" in page
        assert f"| {joint.definition} |" in page
    for name, matches in SUBSETS.items():
        assert f"| `{name}` | {len(matches)} |" in page
        assert all(f"| {match.note} |" in page for match in matches if match.note)
