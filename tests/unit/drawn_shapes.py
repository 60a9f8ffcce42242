"""Small things to render: spheres, boxes, cameras, plain light."""

import numpy as np

from thfm_jax.data.synthetic import scene

BLACK = scene.Backdrop(np.zeros((2, 4, 3), np.float32), panorama=True)
# Uniform light of radiance 1: see `renderer.ambient_light`.
UNIFORM = scene.Lighting(
    np.concatenate([np.full((1, 3), np.sqrt(4 * np.pi)), np.zeros((8, 3))]).astype(np.float32),
    occlusion=0.0,
)


def plain(colour=(0.5, 0.5, 0.5), **look) -> scene.Material:
    look = {"specular": 0.0, "roughness": 1.0} | look
    return scene.Material(np.array(colour, np.float32).reshape(1, 1, 3), **look)


def camera(
    eye, target, focal_px: float, size=(64, 64), roll: float = 0.0, frames: int = 1
) -> scene.Camera:
    """A camera at `eye` that looks at `target`, turned by `roll` radians."""
    eye = np.asarray(eye, np.float64)
    forward = np.asarray(target, np.float64) - eye
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, [0.0, 1.0, 0.0])
    right /= np.linalg.norm(right)
    down = np.cross(forward, right)
    rotation = np.stack(
        [
            np.cos(roll) * right + np.sin(roll) * down,
            np.cos(roll) * down - np.sin(roll) * right,
            forward,
        ]
    )
    height, width = size
    intrinsics = np.array([[focal_px, 0, width / 2], [0, focal_px, height / 2], [0, 0, 1.0]])
    return scene.Camera(
        np.repeat(intrinsics[None], frames, axis=0),
        np.repeat(rotation[None], frames, axis=0),
        np.repeat((-rotation @ eye)[None], frames, axis=0),
        size,
    )


def mesh(vertices, triangles, **fields) -> scene.Mesh:
    """A person's mesh, or with instance=0 a thing."""
    vertices = np.asarray(vertices, np.float32)
    vertices = vertices[None] if vertices.ndim == 2 else vertices
    triangles = np.asarray(triangles, np.int32)
    fields = {"instance": 1, "material": plain()} | fields
    if fields["instance"]:
        fields = {"part": np.ones(len(triangles), np.uint8)} | fields
    fields = {"uv": vertices[0, :, :2].copy()} | fields
    return scene.Mesh(vertices=vertices, triangles=triangles, **fields)


def square(centre, half: float, **fields) -> scene.Mesh:
    """A square that faces +z."""
    corners = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]]) * half + np.asarray(centre)
    return mesh(corners, [[0, 1, 2], [0, 2, 3]], **fields)


def sphere(centre, radius: float, rings: int = 32, **fields) -> scene.Mesh:
    """A sphere of latitudes and longitudes, with a seam; the template is the unit sphere."""
    polar, around = np.meshgrid(
        np.linspace(0, np.pi, rings + 1), np.linspace(0, 2 * np.pi, 2 * rings + 1), indexing="ij"
    )
    unit = np.stack(
        [np.sin(polar) * np.cos(around), np.cos(polar), -np.sin(polar) * np.sin(around)], axis=-1
    )
    ids = np.arange(polar.size, dtype=np.int32).reshape(polar.shape)
    a, b, c, d = ids[:-1, :-1], ids[1:, :-1], ids[1:, 1:], ids[:-1, 1:]
    quads = np.stack([a, b, c, a, c, d], axis=-1).reshape(-1, 3)
    seamless = ids.copy()
    seamless[:, -1], seamless[0], seamless[-1] = ids[:, 0], ids[0, 0], ids[-1, 0]
    unit = unit.reshape(-1, 3)
    fields = {
        "uv": np.stack([around, polar], axis=-1).reshape(-1, 2).astype(np.float32),
        "template": unit.astype(np.float32),
        "normal_ids": seamless.reshape(-1),
    } | fields
    if fields.get("instance") == 0:
        fields["template"] = None
    return mesh(unit * radius + np.asarray(centre), quads, **fields)


def scene_of(meshes, view: scene.Camera, **fields) -> scene.Scene:
    fields = {"lighting": UNIFORM, "backdrop": BLACK} | fields
    return scene.Scene(meshes, view, **fields)
