"""Faces: expressions, speech, blinking and where the eyes look."""

from collections.abc import Mapping, Sequence

import numpy as np

from thfm_jax.data.synthetic.motion.curves import Keys, Noise, smoothstep

# Weights of the face's units (Apple's ARKit names); a name without side stands for both sides.
MOODS: dict[str, dict[str, float]] = {
    "neutral": {},
    "content": {"mouthSmile": 0.3, "cheekSquint": 0.15, "mouthDimple": 0.2},
    "smile": {"mouthSmile": 0.8, "cheekSquint": 0.5, "eyeSquint": 0.25, "mouthUpperUp": 0.25},
    "laugh": {
        "mouthSmile": 0.9,
        "jawOpen": 0.35,
        "cheekSquint": 0.8,
        "eyeSquint": 0.5,
        "mouthUpperUp": 0.45,
        "mouthLowerDown": 0.3,
        "browInnerUp": 0.2,
    },
    "sad": {"mouthFrown": 0.7, "browInnerUp": 0.8, "mouthShrugLower": 0.35, "eyeSquint": 0.15},
    "angry": {
        "browDown": 0.9,
        "eyeSquint": 0.4,
        "noseSneer": 0.45,
        "mouthPress": 0.5,
        "mouthFrown": 0.35,
    },
    "surprise": {"browInnerUp": 0.8, "browOuterUp": 0.8, "eyeWide": 0.8, "jawOpen": 0.4},
    "fear": {"browInnerUp": 0.9, "eyeWide": 0.7, "mouthStretch": 0.7, "jawOpen": 0.15},
    "disgust": {"noseSneer": 0.9, "mouthUpperUp": 0.5, "browDown": 0.4, "mouthFrown": 0.3},
    "doubt": {"browOuterUpLeft": 0.8, "browDownRight": 0.5, "mouthLeft": 0.4, "mouthPress": 0.2},
    "strain": {"eyeSquint": 0.6, "browDown": 0.6, "mouthStretch": 0.5, "noseSneer": 0.3},
    "think": {"mouthPucker": 0.4, "mouthRight": 0.3, "browDown": 0.35, "eyeSquint": 0.2},
    "kiss": {"mouthPucker": 0.9, "mouthFunnel": 0.2},
    "puff": {"cheekPuff": 0.8, "mouthClose": 0.1},
}
_VISEMES = (
    {"jawOpen": 0.5, "mouthLowerDown": 0.2},
    {"jawOpen": 0.22, "mouthStretch": 0.35, "mouthSmile": 0.15},
    {"jawOpen": 0.25, "mouthFunnel": 0.6},
    {"mouthPucker": 0.55, "jawOpen": 0.1},
    {"mouthPress": 0.45, "mouthRollLower": 0.3, "mouthRollUpper": 0.2},
    {"mouthLowerDown": 0.3, "mouthRollLower": 0.15, "jawOpen": 0.08},
    {"mouthUpperUp": 0.25, "mouthLowerDown": 0.25, "jawOpen": 0.15},
)
_COMMON = ("neutral", "neutral", "neutral", "content", "content", "smile")
_BLINK_S = 0.28


class Face:
    """One person's face for ever.

    Args:
      names: the model's units.
      talks: whether the mouth speaks.
    """

    def __init__(self, rng: np.random.Generator, names: Sequence[str], talks: bool):
        self._names = names
        pool = _COMMON if rng.random() < 0.5 else tuple(MOODS)
        moods = [_weights(MOODS[name], names) for name in rng.choice(pool, 3)]
        # Faces are not symmetric.
        uneven = 1 + 0.15 * rng.standard_normal(len(names))
        self._mood = Keys.draw(
            rng, rng.uniform(0.4, 1.0) * np.stack(moods) * uneven, (0.2, 0.6), (0.6, 3.0)
        )
        visemes = rng.integers(len(_VISEMES), size=23)
        loud = rng.uniform(0.5, 1.0) if talks else 0.0
        shapes = np.stack([_weights(_VISEMES[k], names) for k in visemes])
        self._speech = Keys.draw(
            rng, loud * rng.uniform(0.5, 1.1, (23, 1)) * shapes, (0.09, 0.16), (0.0, 0.05)
        )
        self._pauses = Noise.draw(rng, 1, 0.5)
        self._micro = Noise.draw(rng, len(names), 0.6)
        self._gaze = Keys.draw(
            rng, np.radians(rng.normal(0, (5, 9), (7, 2))), (0.05, 0.08), (0.3, 1.8)
        )
        self._blinks = np.cumsum(rng.gamma(2.2, 1.5, 14) + 0.4)
        self._start = rng.uniform(0, 30)

    def __call__(self, time: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Weights [T, E] in [0, 1] and the eyes' [T, 2] angles up and to the left in radians."""
        time = time + self._start
        gaze = self._gaze(time)
        talking = smoothstep(0.5 + self._pauses(time))
        weights = self._mood(time) + talking * self._speech(time)
        weights += 0.02 * self._micro(time)
        closed = self._closed(time)
        # Lids follow the eyes down.
        lids = np.maximum(closed, np.clip(-1.2 * gaze[:, 0], 0, 0.5))
        for column, name in enumerate(self._names):
            if name.startswith("eyeBlink"):
                weights[:, column] = np.maximum(weights[:, column], lids)
            elif name.startswith("eyeWide"):
                weights[:, column] *= 1 - closed
        return np.clip(weights, 0.0, 1.0), gaze

    def _closed(self, time: np.ndarray) -> np.ndarray:
        """[T] how far the lids are shut: fast down, slower up."""
        since = np.mod(time, self._blinks[-1] + 1.0)[:, None] - self._blinks
        down, up = since / (0.35 * _BLINK_S), (since - 0.4 * _BLINK_S) / (0.6 * _BLINK_S)
        return (smoothstep(down) - smoothstep(up)).sum(-1)


def _weights(mood: Mapping[str, float], names: Sequence[str]) -> np.ndarray:
    """[E] weights of a table in which names may leave out their side."""
    bare = [name.removesuffix("Left").removesuffix("Right") for name in names]
    return np.array(
        [mood.get(name, mood.get(stem, 0.0)) for name, stem in zip(names, bare, strict=True)]
    )
