"""An independent renderer, Mitsuba 3, sees the same depth, normals and silhouettes.

One ray goes through the centre of each pixel, so that no reconstruction filter and no sampler comes
between. A ray that meets the edge between two triangles to within rounding may hit either: at a
silhouette that counts against the agreement of silhouettes. Inside one, where a nearer fold ends,
such a ray may see the fold or what lies behind; there depth and normals are compared unless the two
renderers name triangles that share no vertex, which at most one pixel in two thousand may do.
"""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from tests.unit import drawn_shapes
from thfm_jax.data.synthetic.bodies.body import BodyModel
from thfm_jax.data.synthetic.bodies.phenotype import sample_phenotype
from thfm_jax.data.synthetic.places import solids
from thfm_jax.data.synthetic.rendering import drawables, renderer

mi = pytest.importorskip("mitsuba")

SIZE = (112, 96)
# (distance in metres, focal length in pixels, height that the camera looks at, roll in radians)
VIEWS = [
    (3.0, 150.0, 0.9, 0.0),
    (2.0, 80.0, 1.0, 0.1),
    (0.8, 160.0, 1.5, 0.0),
    (12.0, 700.0, 0.9, -0.2),
    (1.2, 60.0, 1.1, 0.0),
    (0.45, 120.0, 1.55, 0.3),
    (30.0, 1500.0, 0.9, 0.0),
    (4.0, 260.0, 0.6, 0.0),
    (2.5, 140.0, 1.2, -0.1),
    (6.0, 300.0, 0.9, 0.05),
    (1.0, 220.0, 0.2, 0.0),
    (5.0, 250.0, 1.0, 0.4),
]


def _person(pack, rng, offset, instance):
    """Skin, suit and eyes of a random body in a random pose."""
    model = BodyModel.load(pack)
    shape = model.shape(sample_phenotype(rng))
    turns = Rotation.from_rotvec(rng.normal(0, 0.25, (len(model.bones), 3))).as_matrix()
    turns[0] = Rotation.from_rotvec([0, rng.uniform(-3, 3), 0]).as_matrix()
    vertices = model.pose(shape, turns[None], np.zeros((1, 3))).vertices[0] + offset
    for name in ("body", "tights", "left_eye", "right_eye"):
        patch = model.patches[name]
        yield drawn_shapes.mesh(
            vertices[patch.vertex_ids],
            patch.triangles,
            uv=patch.uv,
            instance=instance,
            part=patch.part,
            normal_ids=patch.vertex_ids,
        )


def _scene(pack, seed):
    rng = np.random.default_rng(seed)
    distance, focal, height, roll = VIEWS[seed]
    yaw = rng.uniform(-np.pi, np.pi)
    towards = np.array([np.sin(yaw), 0, np.cos(yaw)])
    floor = drawn_shapes.mesh(
        [[-40, 0, -40], [-40, 0, 40], [40, 0, 40], [40, 0, -40]],
        [[0, 1, 2], [0, 2, 3]],
        instance=0,
    )
    side = np.cross(towards, [0, 1, 0])
    bar = solids.box(0.08, 1.4, 0.05).turned(yaw=yaw, roll=0.3)
    bar = bar.moved(*(towards * min(0.4 * distance, 1.5) + side * 0.05))
    meshes = [
        *_person(pack, rng, np.zeros(3), 1),
        *_person(pack, rng, side * 0.7 - towards * 0.5, 2),
        floor,
        bar.mesh(drawn_shapes.plain()),
    ]
    eye = towards * distance + np.array([0, height + 0.1 * distance, 0])
    camera = drawn_shapes.camera(eye, [0, height, 0], focal, SIZE, roll)
    return drawn_shapes.scene_of(meshes, camera)


def _mitsuba_mesh(index, posed):
    mesh = mi.Mesh(f"m{index}", len(posed.world), len(posed.triangles), has_vertex_normals=True)
    values = mi.traverse(mesh)
    values["vertex_positions"] = posed.world.ravel()
    values["vertex_normals"] = posed.normals.ravel()
    values["faces"] = posed.triangles.astype(np.uint32).ravel()
    values.update()
    return mesh


def _trace(scene):
    """(mesh, triangle, depth, normal in viewer axes) that Mitsuba sees at each pixel's centre."""
    mi.set_variant("scalar_rgb")
    camera = scene.camera
    posed = [d.posed(drawables.View(camera), 0, [0.0]) for d in drawables.prepare(scene.meshes)]
    traced = {f"m{i}": _mitsuba_mesh(i, p) for i, p in enumerate(posed)}
    world = mi.load_dict({"type": "scene", **traced})
    height, width = camera.size
    mesh = np.full((height, width), -1)
    triangle, depth = np.zeros((height, width), int), np.zeros((height, width))
    normals = np.zeros((height, width, 3))
    rotation, eye = camera.rotation[0], camera.positions[0]
    for row in range(height):
        for column in range(width):
            ray = np.linalg.solve(camera.intrinsics[0], [column + 0.5, row + 0.5, 1])
            direction = rotation.T @ ray
            hit = world.ray_intersect(mi.Ray3f(eye.tolist(), direction.tolist()))
            if not hit.is_valid():
                continue
            mesh[row, column] = int(hit.shape.id().removeprefix("m"))
            triangle[row, column] = hit.prim_index
            depth[row, column] = (rotation @ (np.array(hit.p) - eye))[2]
            normal = np.array(hit.sh_frame.n)
            corners = posed[mesh[row, column]].world[
                posed[mesh[row, column]].triangles[hit.prim_index]
            ]
            flat = np.cross(corners[1] - corners[0], corners[2] - corners[0])
            normal *= -np.sign(flat @ direction)
            # Ours are bent to the silhouette where interpolation turns them away from the camera.
            normal -= max(normal @ direction, 0) * direction / (direction @ direction)
            normals[row, column] = rotation @ normal / np.linalg.norm(normal) * [1, -1, -1]
    return mesh, triangle, depth, normals


@pytest.mark.parametrize("seed", range(len(VIEWS)))
def test_mitsuba_sees_the_same(pack, seed):
    scene = _scene(pack, seed)
    drawn = renderer.render(scene, supersampling=1)
    mesh, triangle, depth, normals = _trace(scene)
    instances = np.array([m.instance for m in scene.meshes] + [0])
    ours, theirs = drawn.labels.instance[0], instances[mesh]
    assert (ours > 0).sum() > 200
    for instance in (1, 2):
        either = ((ours == instance) | (theirs == instance)).sum()
        if either:
            assert ((ours == instance) & (theirs == instance)).sum() / either >= 0.995

    both = (ours == theirs) & (ours > 0)
    apart = both & ~_touching(scene.meshes, drawn, mesh, triangle)
    assert apart.sum() <= both.sum() / 2000
    both &= ~apart
    assert np.abs(drawn.labels.depth_m[0] - depth)[both].max() <= 1e-3
    cosine = np.clip((drawn.labels.normals[0] * normals).sum(axis=-1)[both], -1, 1)
    assert np.degrees(np.arccos(cosine)).max() <= 1.0


def _touching(meshes, drawn, mesh, triangle):
    """Whether the two renderers' triangles are of one mesh and share a vertex's normal."""
    result = np.zeros(mesh.shape, bool)
    for index, source in enumerate(meshes):
        same = (mesh == index) & (drawn.mesh[0] == index)
        if same.any() and source.normal_ids is not None:
            ids = source.normal_ids[source.triangles]
            pairs = ids[triangle[same]][:, :, None] == ids[drawn.triangle[0][same]][:, None, :]
            result[same] = pairs.any(axis=(1, 2))
    return result
