"""Latent video <-> patch tokens."""

from jaxtyping import Array, Float

Grid = tuple[int, int, int]


def patch_grid(latent_grid: Grid, patch: Grid) -> Grid:
    """(Tp, Hp, Wp) of a (Tz, Hz, Wz) latent grid; ValueError where patches do not tile it."""
    (Tz, Hz, Wz), (pt, ph, pw) = latent_grid, patch
    if Tz % pt or Hz % ph or Wz % pw:
        raise ValueError(f"a latent grid of {latent_grid} is no multiple of the patch {patch}")
    return Tz // pt, Hz // ph, Wz // pw


def patchify(latents: Float[Array, "B Tz Hz Wz Z"], patch: Grid) -> Float[Array, "B N P"]:
    """Flattened patches, tokens in (t, h, w) order, inside a patch (t, h, w, channel)."""
    B, Tz, Hz, Wz, Z = latents.shape
    t, h, w = patch_grid((Tz, Hz, Wz), patch)
    pt, ph, pw = patch
    x = latents.reshape(B, t, pt, h, ph, w, pw, Z).transpose(0, 1, 3, 5, 2, 4, 6, 7)
    return x.reshape(B, t * h * w, pt * ph * pw * Z)


def unpatchify(
    tokens: Float[Array, "B N P"], grid: Grid, patch: Grid
) -> Float[Array, "B Tz Hz Wz Z"]:
    """The inverse of `patchify`, for a (Tp, Hp, Wp) patch grid."""
    B, _, P = tokens.shape
    (t, h, w), (pt, ph, pw) = grid, patch
    Z = P // (pt * ph * pw)
    x = tokens.reshape(B, t, h, w, pt, ph, pw, Z).transpose(0, 1, 4, 2, 5, 3, 6, 7)
    return x.reshape(B, t * pt, h * ph, w * pw, Z)
