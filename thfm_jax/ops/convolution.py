"""Convolutions over video, channels last, in the form that each platform runs fastest."""

import functools
import operator

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from thfm_jax import sharding


def conv3d(
    x: Float[Array, "B T H W I"],
    kernel: Float[Array, "t h w I O"],
    time_stride: int = 1,
    implementation: str = "auto",
    before: int = 0,
) -> Float[Array, "B T2 H W O"]:
    """3-D convolution, zero-padded in space to keep H and W, and in time by `before` < t frames.

    "native" is one 3-D convolution, which TPUs and GPUs lower well. "planes" sums a 2-D convolution
    for each time tap: XLA has no fast 3-D convolution for CPUs, but a fast 2-D one. The frames
    before the first cost nothing then: a picture alone, with two of them, takes one tap, not three.
    """
    if implementation == "auto":
        implementation = "planes" if sharding.platform() == "cpu" else "native"
    taps, height, width = kernel.shape[:3]
    padding = [(height // 2, height // 2), (width // 2, width // 2)]
    precision = _precision(x)
    if implementation == "native":
        return jax.lax.conv_general_dilated(
            x,
            kernel,
            (time_stride, 1, 1),
            [(before, 0), *padding],
            dimension_numbers=("NTHWC", "THWIO", "NTHWC"),
            precision=precision,
        )
    if implementation != "planes":
        raise ValueError(f'conv is "auto", "native" or "planes", not {implementation!r}')
    frames = (before + x.shape[1] - taps) // time_stride + 1
    planes = []
    for tap in range(taps):
        # The first frame of the result for which this tap meets one of `x`.
        begin = min(-(min(tap - before, 0) // time_stride), frames)
        first = tap - before + begin * time_stride
        part = x[:, first : first + (frames - begin - 1) * time_stride + 1 : time_stride]
        if begin < frames:
            plane = conv2d(part, kernel[tap], padding=padding)
            planes.append(jnp.pad(plane, ((0, 0), (begin, 0), *[(0, 0)] * 3)))
    return functools.reduce(operator.add, planes)


def conv2d(
    x: Float[Array, "B T H W I"],
    kernel: Float[Array, "h w I O"],
    stride: int = 1,
    padding: list[tuple[int, int]] | None = None,
) -> Float[Array, "B T H2 W2 O"]:
    """The same 2-D convolution of every frame; `padding` in pixels, before and after, per axis."""
    B, T = x.shape[:2]
    out = jax.lax.conv_general_dilated(
        x.reshape(B * T, *x.shape[2:]),
        kernel,
        (stride, stride),
        padding or [(0, 0), (0, 0)],
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        precision=_precision(x),
    )
    return out.reshape(B, T, *out.shape[1:])


def _precision(x):
    return None if x.dtype == "bfloat16" else jax.lax.Precision.HIGHEST
