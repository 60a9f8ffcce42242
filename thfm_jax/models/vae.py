"""The Wan2.1 causal 3-D VAE: pixels <-> latents, for a whole clip or chunk by chunk.

Every operation that looks back in time takes its past from a `Stream`. With an empty stream the
clip begins here; otherwise it goes on from where the last chunk ended. So the whole-clip and the
chunked form are the same code, and a clip of any length needs memory for one chunk only.

Source: wan/modules/vae.py, whose chunks are one latent frame each.
"""

import itertools
import math

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from thfm_jax import sharding
from thfm_jax.config import Compute, VaeConfig
from thfm_jax.ops.attention import attention
from thfm_jax.ops.convolution import conv2d, conv3d

_TAPS = 3  # frames that a causal convolution sees, its own included


class Stream:
    """The past frames of each causal operation, in the order in which the network runs them.

    Attributes:
      begins: True where the clip begins with this chunk.
      future: what the next chunk needs as its `past`, filled while the network runs.
    """

    def __init__(self, past: list[Array] | None = None):
        self.begins = past is None
        self.future: list[Array] = []
        self._past = iter(past or ())

    def extend(
        self, x: Float[Array, "B T H W C"], frames: int
    ) -> tuple[Float[Array, "B T2 H W C"], int]:
        """`x` with the last `frames` frames before it, and how many zeros stand for others."""
        if not self.begins:
            x = jnp.concatenate([next(self._past), x], axis=1)
        zeros = frames if self.begins else 0
        missing = max(frames - x.shape[1], 0)
        last = jnp.pad(x, ((0, 0), (missing, 0), (0, 0), (0, 0), (0, 0)))
        self.future.append(last[:, last.shape[1] - frames :])
        return x, zeros


class RmsNorm(nnx.Module):
    """x / ||x|| * sqrt(C) * scale over the channels, at least in float32."""

    def __init__(self, channels: int):
        self.scale = nnx.Param(jnp.ones(channels))

    def __call__(self, x):
        wide = x.astype(jnp.promote_types(x.dtype, jnp.float32))
        # max(||x||, 1e-12) as a clamp of the square, so that the gradient at 0 is finite.
        square = jnp.maximum(jnp.square(wide).sum(axis=-1, keepdims=True), 1e-24)
        scale = self.scale * x.shape[-1] ** 0.5
        return (wide * jax.lax.rsqrt(square) * scale).astype(x.dtype)


class Conv(nnx.Module):
    """Kernel [*window, inputs, outputs] and bias; the window () is a linear map of channels."""

    def __init__(
        self, window: tuple[int, ...], inputs: int, outputs: int, compute: Compute, *, rngs
    ):
        init = nnx.initializers.he_uniform(in_axis=-2, out_axis=-1)
        self.kernel = nnx.Param(init(rngs.params(), (*window, inputs, outputs), jnp.float32))
        # As PyTorch begins. With biases of 0 a video of 0 stays 0 up to every norm, whose gradient
        # there is 1e12, and a few of them together overflow.
        bound = (math.prod(window) * inputs) ** -0.5
        bias = jax.random.uniform(rngs.params(), (outputs,), jnp.float32, -bound, bound)
        self.bias = nnx.Param(bias)
        self.dtype = jnp.dtype(compute.vae_dtype)
        self.implementation = compute.conv

    def weights(self):
        return self.kernel.astype(self.dtype), self.bias.astype(self.dtype)

    def linear(self, x):
        kernel, bias = self.weights()
        precision = None if self.dtype == jnp.bfloat16 else jax.lax.Precision.HIGHEST
        return jnp.matmul(x, kernel, precision=precision) + bias

    def space(self, x, stride=1, padding=((1, 1), (1, 1))):
        kernel, bias = self.weights()
        return conv2d(x, kernel, stride, list(padding)) + bias

    def time(self, x, zeros=0, stride=1):
        """3-D convolution of frames that have their past in front already, or `zeros` for it."""
        kernel, bias = self.weights()
        return conv3d(x, kernel, stride, self.implementation, zeros) + bias

    def causal(self, x, stream: Stream):
        return self.time(*stream.extend(x, _TAPS - 1))


class ResBlock(nnx.Module):
    """Norm, SiLU, causal convolution, twice, around a shortcut."""

    def __init__(self, inputs: int, outputs: int, compute: Compute, *, rngs):
        self.norm_1 = RmsNorm(inputs)
        self.conv_1 = Conv((3, 3, 3), inputs, outputs, compute, rngs=rngs)
        self.norm_2 = RmsNorm(outputs)
        self.conv_2 = Conv((3, 3, 3), outputs, outputs, compute, rngs=rngs)
        self.shortcut = Conv((), inputs, outputs, compute, rngs=rngs) if inputs != outputs else None

    def __call__(self, x, stream: Stream):
        y = self.conv_1.causal(jax.nn.silu(self.norm_1(x)), stream)
        y = self.conv_2.causal(jax.nn.silu(self.norm_2(y)), stream)
        return y + (x if self.shortcut is None else self.shortcut.linear(x))


class FrameAttention(nnx.Module):
    """Single-head self-attention over the pixels of each frame."""

    def __init__(self, channels: int, compute: Compute, *, rngs):
        self.norm = RmsNorm(channels)
        self.qkv = Conv((), channels, 3 * channels, compute, rngs=rngs)
        self.projection = Conv((), channels, channels, compute, rngs=rngs)

    def __call__(self, x):
        B, T, H, W, C = x.shape
        # The one place that sees all of a frame, and little work: every device has whole frames.
        y = sharding.constrain(self.norm(x), "batch")
        qkv = self.qkv.linear(y).reshape(B * T, H * W, 3, 1, C)
        # Not the trunk's: heads this wide have no fused kernel on any platform.
        out = attention(qkv[:, :, 0], qkv[:, :, 1], qkv[:, :, 2], implementation="xla")
        return x + self.projection.linear(sharding.constrain(out.reshape(x.shape), "batch"))


class Middle(nnx.Module):
    """Residual block, attention, residual block."""

    def __init__(self, channels: int, compute: Compute, *, rngs):
        self.resnet_1 = ResBlock(channels, channels, compute, rngs=rngs)
        self.attention = FrameAttention(channels, compute, rngs=rngs)
        self.resnet_2 = ResBlock(channels, channels, compute, rngs=rngs)

    def __call__(self, x, stream: Stream):
        x = self.resnet_1(x, stream)
        return self.resnet_2(self.attention(x), stream)


class Downsample(nnx.Module):
    """Half the height and width and, with `temporal`, half the frames after the first."""

    def __init__(self, channels: int, temporal: bool, compute: Compute, *, rngs):
        self.conv = Conv((3, 3), channels, channels, compute, rngs=rngs)
        self.time_conv = (
            Conv((3, 1, 1), channels, channels, compute, rngs=rngs) if temporal else None
        )

    def __call__(self, x, stream: Stream):
        x = self.conv.space(x, stride=2, padding=((0, 1), (0, 1)))
        if self.time_conv is None:
            return x
        if not stream.begins:
            return self.time_conv.time(*stream.extend(x, 1), stride=2)
        stream.future.append(x[:, -1:])
        if x.shape[1] == 1:
            return x
        return jnp.concatenate([x[:, :1], self.time_conv.time(x, stride=2)], axis=1)


class Upsample(nnx.Module):
    """Twice the height and width at half the channels; with `temporal` twice the later frames."""

    def __init__(self, channels: int, temporal: bool, compute: Compute, *, rngs):
        self.conv = Conv((3, 3), channels, channels // 2, compute, rngs=rngs)
        self.time_conv = (
            Conv((3, 1, 1), channels, 2 * channels, compute, rngs=rngs) if temporal else None
        )

    def __call__(self, x, stream: Stream):
        if self.time_conv is not None:
            first, later = (x[:, :1], x[:, 1:]) if stream.begins else (x[:, :0], x)
            # The clip's first frame is no part of the convolution's past: zeros are.
            later, zeros = stream.extend(later, _TAPS - 1)
            if not later.shape[1]:
                x = first
            else:
                later = _interleave(self.time_conv.time(later, zeros))
                x = jnp.concatenate([first, later], axis=1)
        return self.conv.space(_double(x))


def _double(x):
    """[B, T, H, W, C] -> [B, T, 2H, 2W, C]: every pixel four times."""
    B, T, H, W, C = x.shape
    x = jnp.broadcast_to(x[:, :, :, None, :, None], (B, T, H, 2, W, 2, C))
    return x.reshape(B, T, 2 * H, 2 * W, C)


def _interleave(x):
    """[B, T, H, W, 2C] -> [B, 2T, H, W, C]: the halves of the channels become frames in turn."""
    B, T, H, W, C = x.shape
    return x.reshape(B, T, H, W, 2, C // 2).transpose(0, 1, 4, 2, 3, 5).reshape(B, 2 * T, H, W, -1)


class Encoder(nnx.Module):
    """Pixels to the mean and log-variance of the latents."""

    def __init__(self, config: VaeConfig, compute: Compute, *, rngs):
        widths = [config.base_dim * m for m in (1, *config.multipliers)]
        stages: list[nnx.Module] = []
        for i, (inputs, outputs) in enumerate(itertools.pairwise(widths)):
            for block in range(config.res_blocks):
                stages.append(ResBlock(outputs if block else inputs, outputs, compute, rngs=rngs))
            if i < len(config.temporal_down):
                stages.append(Downsample(outputs, config.temporal_down[i], compute, rngs=rngs))
        self.conv_in = Conv((3, 3, 3), 3 * config.patch**2, widths[0], compute, rngs=rngs)
        self.down = nnx.List(stages)
        self.mid = Middle(widths[-1], compute, rngs=rngs)
        self.norm_out = RmsNorm(widths[-1])
        self.conv_out = Conv((3, 3, 3), widths[-1], 2 * config.z_dim, compute, rngs=rngs)

    def __call__(self, x, stream: Stream):
        x = self.conv_in.causal(x, stream)
        for stage in self.down:
            x = stage(x, stream)
        x = self.mid(x, stream)
        return self.conv_out.causal(jax.nn.silu(self.norm_out(x)), stream)


class Decoder(nnx.Module):
    """Latents to pixels."""

    def __init__(self, config: VaeConfig, compute: Compute, *, rngs):
        multipliers = (config.multipliers[-1], *config.multipliers[::-1])
        widths = [config.decoder_dim * m for m in multipliers]
        stages: list[nnx.Module] = []
        inputs = widths[0]
        for i, outputs in enumerate(widths[1:]):
            for _ in range(config.res_blocks + 1):
                stages.append(ResBlock(inputs, outputs, compute, rngs=rngs))
                inputs = outputs
            if i < len(config.temporal_down):
                temporal = config.temporal_down[::-1][i]
                stages.append(Upsample(outputs, temporal, compute, rngs=rngs))
                inputs = outputs // 2
        self.conv_in = Conv((3, 3, 3), config.z_dim, widths[0], compute, rngs=rngs)
        self.mid = Middle(widths[0], compute, rngs=rngs)
        self.up = nnx.List(stages)
        self.norm_out = RmsNorm(widths[-1])
        self.conv_out = Conv((3, 3, 3), widths[-1], 3 * config.patch**2, compute, rngs=rngs)

    def __call__(self, x, stream: Stream):
        x = self.mid(self.conv_in.causal(x, stream), stream)
        for stage in self.up:
            x = stage(x, stream)
        return self.conv_out.causal(jax.nn.silu(self.norm_out(x)), stream)


class Vae(nnx.Module):
    """Encoder and decoder with the standardisation of the latents that the trunk expects."""

    def __init__(self, config: VaeConfig, compute: Compute = Compute(), *, rngs: nnx.Rngs):
        z = config.z_dim
        self.encoder = Encoder(config, compute, rngs=rngs)
        self.quant = Conv((), 2 * z, 2 * z, compute, rngs=rngs)
        self.post_quant = Conv((), z, z, compute, rngs=rngs)
        self.decoder = Decoder(config, compute, rngs=rngs)
        self.config, self.compute = config, compute

    def moments(
        self, video: Float[Array, "B T H W 3"]
    ) -> tuple[Float[Array, "B Tz Hz Wz Z"], Float[Array, "B Tz Hz Wz Z"]]:
        """Mean and log-variance, clamped to [-30, 20], of the latents of a video in [-1, 1].

        Raises ValueError where the clip's size does not fit the VAE.
        """
        split = self._split(video.shape[0], self.config.latent_grid(*video.shape[1:4]))

        def run(chunk, stream):
            return split(self.quant.linear(self.encoder(split(chunk), stream)))

        chunk = self._chunk() * self.config.temporal_stride
        folded = _fold(video, self.config.patch)
        out = _in_chunks(run, folded.astype(self.compute.vae_dtype), chunk)
        mean, log_variance = jnp.split(out, 2, axis=-1)
        return mean, jnp.clip(log_variance, -30.0, 20.0)

    def encode(self, video: Float[Array, "B T H W 3"]) -> Float[Array, "B Tz Hz Wz Z"]:
        """Standardised latents of a video in [-1, 1]: the mode, no sampling; at least float32."""
        mean, _ = self.moments(video)
        return self.standardise(mean)

    def standardise(self, latents: Float[Array, "*B Z"]) -> Float[Array, "*B Z"]:
        """Latents as the trunk expects them, by the statistics of the config; at least float32."""
        wide = latents.astype(jnp.promote_types(latents.dtype, jnp.float32))
        shift, scale = self._statistics(wide.dtype)
        return (wide - shift) / scale

    def decode(
        self, latents: Float[Array, "B Tz Hz Wz Z"], *, clip: bool = True
    ) -> Float[Array, "B T H W 3"]:
        """Video, clipped to [-1, 1], of standardised latents; at least float32.

        Where it is clipped no gradient passes: `clip` is False while the decoder is trained, and
        for maps (`Thfm.decode`).
        """
        shift, scale = self._statistics(jnp.promote_types(latents.dtype, jnp.float32))
        z = (latents * scale + shift).astype(self.compute.vae_dtype)
        split = self._split(latents.shape[0], latents.shape[1:4])

        def run(chunk, stream):
            return split(self.decoder(self.post_quant.linear(split(chunk)), stream))

        out = _unfold(_in_chunks(run, z, self._chunk(), self.compute.remat), self.config.patch)
        out = out.astype(scale.dtype)
        return jnp.clip(out, -1.0, 1.0) if clip else out

    def _chunk(self) -> int:
        if self.compute.vae_chunk is None:
            return 1 if sharding.platform() == "cpu" else 5
        return self.compute.vae_chunk

    def _split(self, B: int, latent_grid: tuple[int, ...]):
        """What splits a video of any resolution over the mesh, in space too, as its latents.

        Constraints at both ends are enough: XLA splits all that lies between alike, and exchanges
        the rows that a convolution needs of the neighbours.
        """
        axes, like = ("batch", None, "height", "width"), (B, *latent_grid)
        return lambda x: sharding.constrain(x, *axes, like=like)

    def _statistics(self, dtype):
        return (jnp.asarray(v, dtype) for v in (self.config.latent_mean, self.config.latent_std))


def _fold(x, patch: int):
    """[B, T, H, W, C] -> [B, T, H / p, W / p, C p p]: squares of pixels become channels.

    The channel's index is (colour, column, row), as in diffusers' autoencoder_kl_wan.py::patchify.
    """
    B, T, H, W, C = x.shape
    x = x.reshape(B, T, H // patch, patch, W // patch, patch, C).transpose(0, 1, 2, 4, 6, 5, 3)
    return x.reshape(B, T, H // patch, W // patch, -1)


def _unfold(x, patch: int):
    """The inverse of `_fold`."""
    B, T, H, W, C = x.shape
    x = x.reshape(B, T, H, W, -1, patch, patch).transpose(0, 1, 2, 6, 3, 5, 4)
    return x.reshape(B, T, H * patch, W * patch, C // patch**2)


def _in_chunks(run, x, chunk: int, remat: str = "none"):
    """`run(piece, stream)` over `x` in time: a first piece of 1 + a few frames, then whole chunks.

    `chunk` counts frames of `x`; 0 runs the whole clip at once. The frames after the first that do
    not fill a chunk go to the first piece, so that two shapes serve a clip of any length. For the
    backward pass a piece is computed again, whatever `remat` says besides "none".
    """

    def step(past, piece):
        stream = Stream(past)
        out = run(piece, stream)
        return stream.future, out

    if remat != "none":
        step = jax.checkpoint(step)
    steps = (x.shape[1] - 1) // chunk if chunk else 0
    past, head = step(None, x[:, : x.shape[1] - steps * chunk])
    if not steps:
        return head
    B, *rest = x.shape
    pieces = x[:, x.shape[1] - steps * chunk :].reshape(B, steps, chunk, *rest[1:]).swapaxes(0, 1)
    _, tail = jax.lax.scan(step, past, pieces)
    tail = tail.swapaxes(0, 1)
    return jnp.concatenate([head, tail.reshape(B, -1, *tail.shape[3:])], axis=1)
