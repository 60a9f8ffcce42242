"""How much light surface points send to the camera.

Diffuse and specular reflection of distant suns and of ambient light, with light that goes round the
terminator of skin, the fuzz of cloth, and the stretched highlights of hair.
"""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from thfm_jax.data.synthetic import scene
from thfm_jax.data.synthetic.rendering.fragments import Fragments
from thfm_jax.data.synthetic.rendering.jit import kernel, row3
from thfm_jax.data.synthetic.rendering.points import Points

# Real spherical harmonics: factors of 1, y, z, x, xy, yz, 3zz - 1, xz, xx - yy.
HARMONICS = np.array(
    [0.282095] + [0.488603] * 3 + [1.092548, 1.092548, 0.315392, 1.092548, 0.546274], np.float32
)
# A cosine lobe divided by pi weakens each order by these.
DIFFUSE = HARMONICS * np.array([1] + [2 / 3] * 3 + [1 / 4] * 5, np.float32)


def ambient_light(
    ambient: Float[np.ndarray, "9 3"], normals: Float[np.ndarray, "*B 3"]
) -> Float[np.ndarray, "*B 3"]:
    """Linear RGB that a diffuse white surface with these unit normals shows under `ambient`.

    `ambient` holds the coefficients of the incoming radiance in the real spherical harmonics Y00,
    Y1-1 (y), Y10 (z), Y11 (x), Y2-2 (xy), Y2-1 (yz), Y20 (3zz - 1), Y21 (xz), Y22 (xx - yy) of the
    world's axes: uniform light of radiance L is L sqrt(4 pi) in the first. (Ramamoorthi and
    Hanrahan, "An efficient representation for irradiance environment maps", 2001.)
    """
    x, y, z = np.moveaxis(normals, -1, 0)
    basis = [np.ones_like(x), y, z, x, x * y, y * z, 3 * z * z - 1, x * z, x * x - y * y]
    return np.einsum("...k,kc->...c", np.stack(basis, axis=-1) * DIFFUSE, ambient)


def reflect(
    fragments: Fragments,
    points: Points,
    materials: Sequence[scene.Material],
    lighting: scene.Lighting,
    eye: Float[np.ndarray, "3"],
    lit: Float[np.ndarray, "S N"],
    openness: Float[np.ndarray, "N"],
) -> Float[np.ndarray, "N 3"]:
    """Linear RGB float32 of the points of N fragments, seen from `eye` in the world.

    Args:
      materials: of each mesh.
      lit: float32 in [0, 1], share of each of S suns that arrives.
      openness: float32 in [0, 1], share of the ambient light that arrives.
    """
    table = np.array(
        [[m.specular, m.roughness, m.wrap, m.sheen, m.strand] for m in materials], np.float32
    ).reshape(-1, 5)
    suns = np.array([[*s.direction, *s.colour] for s in lighting.suns], np.float32).reshape(-1, 6)
    colours = np.empty((len(fragments.pixel), 3), np.float32)
    ambient = np.ascontiguousarray(lighting.ambient, np.float32)
    _reflect(
        fragments.first,
        points,
        table,
        ambient,
        suns,
        eye.astype(np.float32),
        lit,
        openness,
        colours,
    )
    return colours


@kernel
def _reflect(first, points, materials, ambient, suns, eye, lit, openness, colours):
    one = np.float32(1.0)
    diffuse, gloss, fuzz = np.empty(3, np.float32), np.empty(3, np.float32), np.empty(3, np.float32)
    for m in range(len(materials)):
        specular, roughness, wrap, sheen, strand = materials[m]
        # What hardly reflects at all does not shine at grazing angles either.
        rim = min(50 * specular, one)
        metal = min(max((specular - np.float32(0.2)) / np.float32(0.6), np.float32(0.0)), one)
        for n in range(first[m], first[m + 1]):
            normal, tangent = row3(points.normal, n), row3(points.tangent, n)
            albedo = row3(points.albedo, n)
            view = _towards(row3(points.position, n), eye)
            facing = max(_dot(normal, view), np.float32(0.02))
            open_share = openness[n]
            brightest = max(albedo[0], albedo[1], albedo[2], np.float32(1e-4))
            grazing = (one - facing) * (one - facing) * (one - facing)
            a, b = _environment(roughness, facing)
            b *= rim
            mirror = (
                2 * facing * normal[0] - view[0],
                2 * facing * normal[1] - view[1],
                2 * facing * normal[2] - view[2],
            )
            for c in range(3):
                around = max(_harmonics(ambient, c, normal, one), np.float32(0.0))
                # Light bounces between surfaces that occlude each other, more if they are bright.
                around *= open_share / (one - albedo[c] * (one - open_share))
                diffuse[c] = around
                ahead = max(_harmonics(ambient, c, mirror, roughness), np.float32(0.0))
                gloss[c] = (specular * a + b) * ahead * open_share
                fuzz[c] = around
            for s in range(len(suns)):
                arriving = lit[s, n]
                if arriving <= 0.0:
                    continue
                light = (suns[s, 0], suns[s, 1], suns[s, 2])
                cosine = _dot(normal, light)
                if strand > 0.0:
                    white, tinted, body = _strands(tangent, normal, light, view, cosine, roughness)
                    for c in range(3):
                        energy = suns[s, 3 + c] * arriving
                        diffuse[c] += energy * body
                        gloss[c] += energy * specular * (white + tinted * albedo[c] / brightest)
                    continue
                shine = _highlight(normal, light, view, cosine, roughness, specular, rim)
                for c in range(3):
                    energy = suns[s, 3 + c] * arriving
                    # Light wanders farther under the surface in the colours that it reflects.
                    round_ = wrap * albedo[c] / brightest
                    reach = max((cosine + round_) / (one + round_), np.float32(0.0))
                    diffuse[c] += energy * reach * (one - round_ + round_ * reach)
                    gloss[c] += energy * shine
                    fuzz[c] += energy * max(cosine + np.float32(0.3), np.float32(0.0))
            for c in range(3):
                coloured = one - metal + metal * albedo[c] / brightest
                velvet = sheen * grazing * fuzz[c] * (np.float32(0.3) + np.float32(0.7) * albedo[c])
                colours[n, c] = (
                    albedo[c] * diffuse[c] * (one - metal * np.float32(0.9))
                    + gloss[c] * coloured
                    + velvet
                )


@kernel
def _dot(p, q):
    return p[0] * q[0] + p[1] * q[1] + p[2] * q[2]


@kernel
def _towards(p, q):
    """Unit vector from p to q."""
    x, y, z = q[0] - p[0], q[1] - p[1], q[2] - p[2]
    scale = np.float32(1.0) / max(np.sqrt(x * x + y * y + z * z), np.float32(1e-6))
    return x * scale, y * scale, z * scale


@kernel
def _harmonics(ambient, c, d, blur):
    """Ambient light of colour c around direction d: radiance at blur 0, diffuse at 1."""
    x, y, z = d[0], d[1], d[2]
    first = np.float32(1.0) - blur * np.float32(1 / 3)
    second = np.float32(1.0) - blur * np.float32(0.75)
    linear = HARMONICS[1] * (ambient[1, c] * y + ambient[2, c] * z + ambient[3, c] * x)
    square = HARMONICS[4] * (ambient[4, c] * x * y + ambient[5, c] * y * z + ambient[7, c] * x * z)
    square += HARMONICS[6] * ambient[6, c] * (3 * z * z - 1)
    square += HARMONICS[8] * ambient[8, c] * (x * x - y * y)
    return HARMONICS[0] * ambient[0, c] + first * linear + second * square


@kernel
def _environment(roughness, facing):
    """(a, b): light from all around is reflected in the share specular a + b.

    Fit of the split-sum integral (Karis, "Physically based shading on mobile", 2014).
    """
    x = 1 - roughness
    y = np.float32(0.0425) - np.float32(0.0275) * roughness
    z = np.float32(1.04) - np.float32(0.572) * roughness
    w = np.float32(0.022) * roughness - np.float32(0.04)
    # 2^(-9.28 facing) to within 3 %: no exponential in the loop.
    fall = 1 - facing * np.float32(0.8)
    fall = fall * fall * fall
    fall = fall * fall
    share = min(x * x, fall) * x + y
    return np.float32(-1.04) * share + z, np.float32(1.04) * share + w


@kernel
def _highlight(normal, light, view, cosine, roughness, specular, rim):
    """Specular reflection of a sun whose colour is that of a diffuse white surface facing it.

    GGX with the visibility term of Unity's mobile shader (Aaltonen and Karis, 2015).
    """
    if cosine <= 0.0:
        return np.float32(0.0)
    x, y, z = light[0] + view[0], light[1] + view[1], light[2] + view[2]
    scale = np.float32(1.0) / max(np.sqrt(x * x + y * y + z * z), np.float32(1e-6))
    half = (x * scale, y * scale, z * scale)
    nh, lh = max(_dot(normal, half), np.float32(0.0)), max(_dot(light, half), np.float32(0.0))
    alpha = roughness * roughness
    width = nh * nh * (alpha * alpha - 1) + np.float32(1.0001)
    strength = alpha * alpha / (width * width * max(lh * lh, np.float32(0.1)) * (4 * roughness + 2))
    back = 1 - lh
    fresnel = specular + (rim - specular) * back * back * back * back * back
    return strength * fresnel * cosine


@kernel
def _strands(tangent, normal, light, view, cosine, roughness):
    """(white highlight, coloured highlight, diffuse) of hair along `tangent`.

    The first reflection leaves towards the root, the second, which has passed through the strand,
    towards the tip (Scheuermann, "Practical real-time hair rendering and shading", 2004).
    """
    x, y, z = light[0] + view[0], light[1] + view[1], light[2] + view[2]
    scale = np.float32(1.0) / max(np.sqrt(x * x + y * y + z * z), np.float32(1e-6))
    half = (x * scale, y * scale, z * scale)
    lean = _dot(normal, half)
    along = _dot(tangent, half)
    side = max(cosine * np.float32(0.7) + np.float32(0.3), np.float32(0.0))
    sharp = np.float32(2.0) / (roughness * roughness)
    first, second = along + np.float32(0.08) * lean, along - np.float32(0.12) * lean
    white = math.exp(-sharp * first * first * 4) * side
    tinted = math.exp(-sharp * second * second) * side
    sine = np.sqrt(max(np.float32(1.0) - _dot(tangent, light) ** 2, np.float32(0.0)))
    return np.float32(white), np.float32(tinted), sine * side
