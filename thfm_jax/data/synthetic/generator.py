"""Generates one clip of synthetic people, from a seed and an index, with its ground truth.

The way of a clip: `compose` draws its subjects, camera and stage at random into a `Scene`;
`render` makes linear pictures and labels of it; `develop` makes of these what a camera records.
"""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from thfm_jax import joints
from thfm_jax.data.synthetic import labels, motion
from thfm_jax.data.synthetic.assets import Pack
from thfm_jax.data.synthetic.bodies import animals, phenotype
from thfm_jax.data.synthetic.bodies.body import BodyModel, Shape
from thfm_jax.data.synthetic.clip import Labels, SyntheticClip
from thfm_jax.data.synthetic.looks import props, wardrobe
from thfm_jax.data.synthetic.places import cameras, stage
from thfm_jax.data.synthetic.places.pictures import Pictures
from thfm_jax.data.synthetic.rendering import sensor
from thfm_jax.data.synthetic.rendering.renderer import Rendered, render
from thfm_jax.data.synthetic.scene import Mesh, Scene

# Raised whenever the same seed no longer gives the same bytes.
VERSION = 1

SPLITS: tuple[str, ...] = (
    "train",
    "validation",
    "test",
    "test_multi",
    "test_animals",
    "test_cartoon",
)

FRAME_RATES = (12.0, 15.0, 20.0, 23.976, 24.0, 25.0, 29.97, 30.0, 50.0, 60.0)
_FRAME_RATE_WEIGHTS = (0.05, 0.1, 0.05, 0.05, 0.15, 0.2, 0.1, 0.2, 0.05, 0.05)

MOTION_BLUR = 0.4  # share of the clips whose shutter is open long enough to blur
GAP_M = 0.15  # between the spaces that two subjects move in


@dataclasses.dataclass(frozen=True)
class Settings:
    """What all clips of a data set have in common.

    Attributes:
      split: one of `SPLITS`. Every split draws other random numbers. `train`, `validation` and
        `test` hold one person; the others hold what training never sees: several people, animals,
        and bodies of cartoon proportions.
      frames: length of a clip; 1 makes stills.
      size: (height, width) in pixels.
      fps: frames per second; None draws it for each clip.
      supersampling: samples a pixel along each side, odd. 5 for finer mattes at twice the cost.
      backgrounds: folder of pictures that some of the clips have as a backdrop, or None.
    """

    split: str = "train"
    frames: int = 17
    size: tuple[int, int] = (256, 256)
    fps: float | None = None
    supersampling: int = 3
    backgrounds: str | None = None

    def __post_init__(self) -> None:
        if self.split not in SPLITS:
            raise ValueError(f"no split {self.split!r}: there are {', '.join(SPLITS)}")
        if self.frames < 1:
            raise ValueError(f"a clip has at least one frame, not {self.frames}")
        if min(self.size) < 16:
            raise ValueError(f"frames are at least 16 x 16 pixels, not {self.size}")
        if self.supersampling < 1 or self.supersampling % 2 == 0:
            raise ValueError(f"supersampling is odd, not {self.supersampling}")
        if self.fps is not None and not self.fps > 0:
            raise ValueError(f"fps must be positive, not {self.fps}")


@dataclasses.dataclass(frozen=True)
class Subject:
    """A person or an animal on the stage.

    Attributes:
      meshes: all that belongs to it.
      points: [T, n, 3] float64 world positions that bound it: the joints of a person.
      radius_m: [K] distance of each joint from the skin; None for an animal.
      seat: what a person sits or lies on, or None.
      meta: plain values that describe it.
    """

    meshes: list[Mesh]
    points: Float[np.ndarray, "T n 3"]
    radius_m: Float[np.ndarray, "K"] | None
    seat: motion.Seat | None
    meta: dict[str, Any]

    def moved(self, offset: Float[np.ndarray, "3"]) -> "Subject":
        """The same subject elsewhere."""
        shift = offset.astype(np.float32)
        seat = self.seat and dataclasses.replace(self.seat, position=self.seat.position + offset)
        meshes = [dataclasses.replace(mesh, vertices=mesh.vertices + shift) for mesh in self.meshes]
        return dataclasses.replace(self, meshes=meshes, points=self.points + offset, seat=seat)


@dataclasses.dataclass(frozen=True)
class Composition:
    """A scene before it is rendered, and who is in it, the main subject first."""

    scene: Scene
    subjects: Sequence[Subject]
    fps: float
    meta: dict[str, Any]
    sensor_rng: np.random.Generator


def generate(pack: Pack, seed: int, index: int, settings: Settings) -> SyntheticClip:
    """Clip `index` of the endless series that `seed` and `settings.split` name.

    The same arguments, pack and versions of NumPy and Numba give the same bytes.
    """
    composition = compose(pack, seed, index, settings)
    rendered = render(composition.scene, supersampling=settings.supersampling)
    rgb, developed = sensor.develop(composition.sensor_rng, rendered.colour, composition.fps)
    return label(composition, rendered, rgb, {**composition.meta, "sensor": developed})


def compose(pack: Pack, seed: int, index: int, settings: Settings) -> Composition:
    """Everything that clip shows, drawn at random."""
    entropy = np.random.SeedSequence([seed, SPLITS.index(settings.split), index])
    # One stream a purpose: what is drawn for one leaves the others as they are.
    timing, people, places, view, surroundings, camera_rng = map(
        np.random.default_rng, entropy.spawn(6)
    )
    fps = settings.fps or float(timing.choice(FRAME_RATES, p=_FRAME_RATE_WEIGHTS))
    shutter = timing.uniform(0.1, 0.6) if timing.random() < MOTION_BLUR else 0.0

    subjects = arrange(places, cast(pack, people, settings, fps))
    camera, shot = cameras.sample(view, [s.points for s in subjects], settings.size, fps)
    pictures = Pictures.open(settings.backgrounds) if settings.backgrounds else None
    built = stage.build(
        surroundings,
        camera,
        [s.points for s in subjects],
        [s.seat for s in subjects if s.seat],
        pack,
        pictures,
    )
    meshes = [*built.meshes, *(mesh for subject in subjects for mesh in subject.meshes)]
    scene = Scene(meshes, camera, built.lighting, built.backdrop, shutter)
    meta = {
        "seed": seed,
        "index": index,
        "split": settings.split,
        "generator": VERSION,
        "pack": pack.version,
        "shutter": shutter,
        "camera": shot,
        "stage": built.meta,
    }
    return Composition(scene, subjects, fps, meta, camera_rng)


def cast(pack: Pack, rng: np.random.Generator, settings: Settings, fps: float) -> list[Subject]:
    """The subjects of one clip of the split, each about the origin."""
    many: dict[str, tuple[Callable[..., Subject], int]] = {
        "test_multi": (person, int(rng.integers(2, 5))),
        "test_animals": (animal, int(rng.integers(1, 3))),
        "test_cartoon": (functools.partial(person, style="cartoon"), 1),
    }
    make, count = many.get(settings.split, (person, 1))
    return [
        make(pack, stream, settings.frames, fps, instance)
        for instance, stream in enumerate(rng.spawn(count), start=1)
    ]


def person(
    pack: Pack,
    rng: np.random.Generator,
    frames: int,
    fps: float,
    instance: int,
    *,
    style: str | None = None,
) -> Subject:
    """Someone of any age and shape, dressed and moving; `style` is the wardrobe's."""
    body_rng, motion_rng, dress_rng = rng.spawn(3)
    model = BodyModel.load(pack)
    shape = model.shape(phenotype.sample_phenotype(body_rng, cartoon=style == "cartoon"))
    held = props.draw(motion_rng)
    moves = motion.sample(motion_rng, model, shape, frames, fps, held=held)
    posed = model.pose(shape, moves.rotations, moves.translation, moves.expression)
    outfit = wardrobe.dress(dress_rng, model, shape, posed, moves, fps, instance, style, held)
    return Subject(
        meshes=outfit.meshes,
        points=model.joints(shape, posed),
        radius_m=model.joint_radius(shape),
        seat=moves.seat,
        meta={
            "kind": style or "person",
            "motion": moves.kind,
            "body": body_meta(shape),
            "looks": outfit.meta,
        },
    )


def animal(pack: Pack, rng: np.random.Generator, frames: int, fps: float, instance: int) -> Subject:
    """A four-legged animal."""
    meshes, points, meta = animals.sample(rng, pack, frames, fps, instance)
    return Subject(meshes, points, radius_m=None, seat=None, meta={"kind": "animal", **meta})


def body_meta(shape: Shape) -> dict[str, Any]:
    """What a table of a data set's diversity needs of a body."""
    return {
        "age_years": float(shape.phenotype.age_years),
        "gender": float(shape.phenotype.gender),
        "height_m": float(np.ptp(shape.vertices[:, 1])),
    }


def arrange(rng: np.random.Generator, subjects: Sequence[Subject]) -> list[Subject]:
    """The subjects spread over the floor, so that the spaces in which they move do not touch.

    The first stays about the origin; every other one is put at a random side of one before it.
    """
    placed = [_ground_circle(subjects[0].points)]
    result = [subjects[0]]
    for subject in subjects[1:]:
        middle, radius = _ground_circle(subject.points)
        target = _free_place(rng, placed, radius)
        placed.append((target, radius))
        offset = target - middle
        result.append(subject.moved(np.array([offset[0], 0.0, offset[1]])))
    return result


def _ground_circle(points: Float[np.ndarray, "T n 3"]) -> tuple[np.ndarray, float]:
    """Middle (x, z) and radius of a circle on the floor over which the points stay."""
    flat = points[..., [0, 2]].reshape(-1, 2)
    middle = (flat.min(axis=0) + flat.max(axis=0)) / 2
    return middle, float(np.linalg.norm(flat - middle, axis=1).max()) + GAP_M


def _free_place(
    rng: np.random.Generator, placed: Sequence[tuple[np.ndarray, float]], radius: float
) -> np.ndarray:
    """Middle of a circle of that radius which touches none of those placed, near one of them."""
    distance = 0.0
    while True:
        beside, reach = placed[int(rng.integers(len(placed)))]
        angle = rng.uniform(0, 2 * np.pi)
        # Grows with every failure, so that a place is found however many are placed.
        distance += rng.exponential(0.3)
        place = beside + (reach + radius + distance) * np.array([np.cos(angle), np.sin(angle)])
        if all(np.linalg.norm(place - other) >= radius + size for other, size in placed):
            return place


def label(
    composition: Composition, rendered: Rendered, rgb: np.ndarray, meta: dict[str, Any]
) -> SyntheticClip:
    """The clip; its subjects are ordered by how much of the picture they fill, people first."""
    subjects, camera = composition.subjects, composition.scene.camera
    area = np.bincount(rendered.labels.instance.ravel(), minlength=len(subjects) + 1)[1:]
    order = sorted(range(len(subjects)), key=lambda i: (subjects[i].radius_m is None, -area[i]))
    new_name = np.zeros(256, np.uint8)
    new_name[np.array(order) + 1] = np.arange(1, len(order) + 1)
    maps = dataclasses.replace(rendered.labels, instance=new_name[rendered.labels.instance])
    ordered = [subjects[i] for i in order]
    points = [_keypoints(maps, composition, i, subject) for i, subject in enumerate(ordered, 1)]
    pose = np.concatenate([camera.rotation, camera.translation[..., None]], axis=-1)
    return SyntheticClip(
        rgb=rgb,
        labels=maps,
        keypoints2d=np.stack([flat for flat, _ in points]),
        keypoints3d=np.stack([deep for _, deep in points]),
        keypoints_known=np.array([subject.radius_m is not None for subject in ordered]),
        intrinsics=camera.intrinsics.astype(np.float32),
        extrinsics=pose.astype(np.float32),
        fps=composition.fps,
        meta={**meta, "subjects": [subject.meta for subject in ordered]},
    )


def _keypoints(
    maps: Labels, composition: Composition, instance: int, subject: Subject
) -> tuple[np.ndarray, np.ndarray]:
    camera = composition.scene.camera
    if subject.radius_m is None:
        nothing = np.zeros((len(camera.rotation), len(joints.JOINTS), 3), np.float32)
        return nothing, nothing
    return labels.keypoints(maps, camera, instance, subject.points, subject.radius_m)
