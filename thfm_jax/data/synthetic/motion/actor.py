"""One person's habits: how they carry themselves whatever they do."""

import dataclasses

import numpy as np

from thfm_jax.data.synthetic.motion import rotations as rot
from thfm_jax.data.synthetic.motion.curves import Noise
from thfm_jax.data.synthetic.motion.face import Face
from thfm_jax.data.synthetic.motion.hands import Fingers
from thfm_jax.data.synthetic.motion.posture import Arms, Feet, Posture
from thfm_jax.data.synthetic.motion.rig import Rig


@dataclasses.dataclass
class Actor:
    """A body with its manner.

    Attributes:
      rig: its measures.
      energy: about 1, scales amplitudes.
      slouch: radians of rounded back.
      lean: [3] radians of habitual bend of the spine (forward, left, turn).
      carry: [2] radians by which each arm is held off the body; `crook` bends the elbows.
    """

    rig: Rig
    energy: float
    slouch: float
    lean: np.ndarray
    carry: np.ndarray
    crook: np.ndarray
    face: Face
    fingers: Fingers
    sway: Noise

    @classmethod
    def draw(cls, rng: np.random.Generator, rig: Rig, expressions: tuple[str, ...]) -> "Actor":
        """A person of any temper."""
        return cls(
            rig=rig,
            energy=float(np.exp(rng.normal(0, 0.25))),
            slouch=np.radians(rng.normal(4, 6)),
            lean=np.radians(rng.normal(0, (2, 2, 3))),
            carry=np.radians(rng.uniform(4, 12) + rng.normal(0, 2, 2)),
            crook=np.radians(np.abs(rng.normal(16, 8)) + rng.normal(0, 4, 2)).clip(0.05),
            face=Face(rng, expressions, talks=rng.random() < 0.4),
            fingers=Fingers(rng),
            sway=Noise.draw(rng, 24, 0.5),
        )

    def posture(
        self, time: np.ndarray, hips: np.ndarray, pelvis: np.ndarray, feet: Feet
    ) -> Posture:
        """Upright above the hips, arms hanging, with the small movements of whoever is alive."""
        count = len(time)
        sway = self.sway(time)
        breath = np.sin(2 * np.pi * 0.27 * time)
        spine = self.lean + np.radians((1.2, 1.0, 1.8)) * sway[:, :3]
        spine[:, 0] += self.slouch + np.radians(0.8) * breath
        neck = np.radians((3.0, 2.5, 6.0)) * sway[:, 3:6]
        neck[:, 0] += 0.3 * self.slouch
        limb = np.moveaxis(sway[:, 6:].reshape(count, 2, 9), 1, 0)
        degree = np.radians(1.0)
        arms = Arms(
            flexion=2.0 * degree * limb[..., 0] + 0.4 * self.slouch,
            abduction=self.carry[:, None] + 1.0 * degree * limb[..., 1],
            rotation=8 * degree + 3.0 * degree * limb[..., 2],
            elbow=self.crook[:, None] * (1 + 0.12 * limb[..., 3]),
            forearm=20 * degree + 6.0 * degree * limb[..., 4],
            wrist=np.stack([4 * degree + 5 * degree * limb[..., 5], 3 * degree * limb[..., 6]], -1),
        )
        expression, gaze = self.face(time)
        return Posture(
            hips=hips,
            pelvis=pelvis,
            spine=spine,
            neck=neck,
            shrug=np.radians(0.6) * (breath + limb[..., 7]),
            feet=feet,
            arms=arms,
            fingers=self.fingers(time),
            gaze=gaze,
            expression=expression,
            reaches=[],
            grounded=np.zeros(count),
            floor=np.zeros(count),
        )


def tilt(forward: np.ndarray, left: np.ndarray, turn: np.ndarray) -> np.ndarray:
    """[T, 3, 3] of a pelvis turned to the left, then tipped to the left and forward."""
    return rot.about(1, turn) @ rot.about(2, -left) @ rot.about(0, forward)
