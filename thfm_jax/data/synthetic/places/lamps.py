"""Made-up light for rooms, studios and pictures; lighting by panoramas and skies is elsewhere.

White under all of a light shows about 1, and the ambient part is in natural proportion to the suns:
weak in studios with black walls, strong in white rooms.
"""

import numpy as np
from jaxtyping import Float

from thfm_jax.data.synthetic.places import lighting, surfaces
from thfm_jax.data.synthetic.scene import Lighting, Sun

Colour = Float[np.ndarray, "3"]


def white(rng: np.random.Generator, strength: float = 1.0) -> Colour:
    """Lamp light from candle-warm to daylight-cold, of that luminance."""
    warmth = rng.normal(0.25, 0.45)
    colour = np.array([1 + 0.35 * warmth, 1.0, 1 - 0.45 * warmth])
    return (np.clip(colour, 0.15, None) * strength).astype(np.float32)


def gel(rng: np.random.Generator, strength: float) -> Colour:
    """Light of a saturated colour."""
    return surfaces.hsv(rng.random(), rng.uniform(0.4, 1.0), 1.0) * np.float32(strength)


def towards(azimuth: float, elevation_deg: float) -> Float[np.ndarray, "3"]:
    """Unit vector at an azimuth in radians (0 is +z) and an elevation."""
    up = np.radians(elevation_deg)
    return np.array([np.cos(up) * np.sin(azimuth), np.sin(up), np.cos(up) * np.cos(azimuth)])


def room(
    rng: np.random.Generator, colours: tuple[Colour, Colour, Colour], window_yaw: float | None
) -> Lighting:
    """Light of a room: lamps above or a window's daylight, and what its surfaces throw back.

    Args:
      rng: the only source of randomness.
      colours: of floor, walls and ceiling.
      window_yaw: direction that the window's wall faces, None without a window.
    """
    # Light that has met several walls is less coloured than they are.
    floor, wall, ceiling = (0.5 * colour + 0.5 * colour.mean() for colour in colours)
    dark = rng.random() < 0.12
    strength = rng.uniform(0.25, 0.75)
    suns = []
    if window_yaw is not None and not dark:
        azimuth = window_yaw + np.pi + rng.normal(0, 0.5)
        day = white(rng, strength) * np.array([0.9, 1.0, 1.15], np.float32)
        soft = rng.uniform(2, 18)
        suns.append(Sun(towards(azimuth, rng.uniform(15, 50)), day, soft))
        azimuth, strength = azimuth + np.pi, strength * 0.3
    for count in range(int(rng.integers(1, 3))):
        above = towards(rng.uniform(-np.pi, np.pi), rng.uniform(35, 85))
        lamp = white(rng, strength * (1.0 if count == 0 else 0.4))
        suns.append(Sun(above, lamp, rng.uniform(4, 15), shadow=not suns))
    level = rng.uniform(0.12, 0.25) if dark else rng.uniform(0.45, 0.9)
    panorama = np.empty((64, 128, 3), np.float32)
    panorama[:] = wall * np.float32(level)
    panorama[:20] = ceiling * np.float32(level * 1.25)
    panorama[44:] = floor * np.float32(level * 0.8)
    if window_yaw is not None:
        rays, _ = lighting.panorama_rays(64, 128)
        bright = rays @ towards(window_yaw + np.pi, 10.0) > 0.8
        panorama[bright] = np.array([0.85, 0.95, 1.1]) * (1.5 * level + 0.3)
    return Lighting(lighting.project(panorama), tuple(suns[: lighting.SUNS]))


def studio(rng: np.random.Generator, front: float) -> Lighting:
    """Key, fill and rim light about a subject that is seen from azimuth `front`."""
    style = rng.random()
    key_side = rng.choice((-1, 1)) * rng.uniform(15, 75)
    if style < 0.15:  # back-lit
        key_side = rng.choice((-1, 1)) * rng.uniform(130, 175)
    key = towards(front + np.radians(key_side), rng.uniform(10, 60))
    coloured = rng.random() < 0.18
    tint = gel if coloured else white
    ratio = rng.uniform(0.1, 0.6)
    strength = rng.uniform(0.5, 0.95)
    suns = [Sun(key, tint(rng, strength), rng.uniform(1, 15))]
    fill = towards(front - np.radians(key_side), rng.uniform(0, 40))
    suns.append(Sun(fill, tint(rng, strength * ratio), 15.0, shadow=False))
    if rng.random() < 0.5:
        rim = towards(front + np.pi + rng.normal(0, 0.5), rng.uniform(15, 60))
        suns.append(Sun(rim, tint(rng, rng.uniform(0.2, 0.9)), 3.0, shadow=False))
    return Lighting(ambient(rng, rng.uniform(0.08, 0.5)), tuple(suns))


def ambient(rng: np.random.Generator, level: float) -> Float[np.ndarray, "9 3"]:
    """Light from all around, a little brighter from above and from one side."""
    rays, _ = lighting.panorama_rays(64, 128)
    side = towards(rng.uniform(-np.pi, np.pi), 20.0)
    shade = 1 + rng.uniform(0, 0.6) * rays[..., 1] + rng.uniform(0, 0.4) * (rays @ side)
    return lighting.project((shade[..., None] * white(rng, level)).astype(np.float32))
