"""How many FLOPs a traced program does on all its devices together, recomputation included.

Counts what `thfm_jax.flops` counts, matmuls and convolutions, but in the program as it is: with
what is computed again for the backward pass, padded, or done by several devices alike. XLA's own
count sees a loop's body once and nothing of a Pallas kernel, so it is no substitute.
"""

import math
from typing import Any

from jax.extend.core import ClosedJaxpr, Jaxpr, jaxprs_in_params


def count(jaxpr: ClosedJaxpr | Jaxpr, turns: int = 1) -> int:
    """FLOPs of a program, as `jax.jit(f).trace(*args).jaxpr` gives it.

    Of a condition the branch with the most counts. Products with the zeros that the gradient of a
    strided convolution is dilated with count too; those in cuDNN's attention do not.

    Args:
      jaxpr: of the program.
      turns: of each loop whose length is a value.
    """
    inner = jaxpr.jaxpr if isinstance(jaxpr, ClosedJaxpr) else jaxpr
    return sum(_equation(equation, turns) for equation in inner.eqns)


def _equation(equation: Any, turns: int) -> int:
    name, params = equation.primitive.name, equation.params
    if name == "dot_general":
        return _dot(equation)
    if name == "conv_general_dilated":
        return _convolution(equation)
    inner = [count(jaxpr, turns) for jaxpr in jaxprs_in_params(params)]
    if name == "cond":
        return max(inner)
    return sum(inner) * _repetitions(name, params, turns)


def _dot(equation: Any) -> int:
    (contracted, _), _ = equation.params["dimension_numbers"]
    lhs = equation.invars[0].aval.shape
    outputs = math.prod(equation.outvars[0].aval.shape)
    return 2 * outputs * math.prod(lhs[axis] for axis in contracted)


def _convolution(equation: Any) -> int:
    kernel = equation.invars[1].aval.shape
    channels = equation.params["dimension_numbers"].rhs_spec[0]
    outputs = math.prod(equation.outvars[0].aval.shape)
    return 2 * outputs * math.prod(kernel) // kernel[channels]


def _repetitions(name: str, params: dict[str, Any], turns: int) -> int:
    if name == "scan":
        return params["length"]
    if name == "while":
        return turns
    if name == "shard_map":  # every device does what is inside
        mesh = params["mesh"]
        return math.prod(mesh.shape[axis] for axis in params["newly_manual_axes"])
    if name == "pallas_call":
        return math.prod(params["grid_mapping"].grid)
    return 1
