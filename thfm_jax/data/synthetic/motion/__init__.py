"""Procedural human motion: what people do, for any body, as smooth functions of time.

`sample` draws a kind of motion and a person's way of doing it from a generator, then reads the
curves at the clip's frames. Frame rate and frame count choose where the curves are read and change
nothing else.
"""

from thfm_jax.data.synthetic.motion.sampling import KINDS, Motion, Seat, sample

__all__ = ["KINDS", "Motion", "Seat", "sample"]
