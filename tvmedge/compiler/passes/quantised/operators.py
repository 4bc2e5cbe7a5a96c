"""The operators that compute with codes, by the name of the Relax operator."""

from __future__ import annotations

from collections.abc import Callable

from tvm import relax

from tvmedge.compiler.passes.quantised.context import Context
from tvmedge.compiler.passes.quantised.grids import dequantize, quantize
from tvmedge.compiler.passes.quantised.pointwise import (
    BINARY,
    UNARY,
    binary,
    clip,
    leaky_relu,
    unary,
)
from tvmedge.compiler.passes.quantised.products import avg_pool, convolution, mean, product
from tvmedge.compiler.passes.quantised.values import Known
from tvmedge.compiler.passes.quantised.views import (
    MOVES,
    POOLS,
    concat,
    max_pool,
    move,
    pad,
    resize,
    take,
)

# A handler returns None where nothing is known of the result in integers, and an expression of the
# new function where it is known as float32 only.
Handler = Callable[[Context, relax.Call], Known | relax.Expr | None]

OPERATORS: dict[str, Handler] = {
    "relax.quantize": quantize,
    "relax.dequantize": dequantize,
    **dict.fromkeys(("relax.nn.conv1d", "relax.nn.conv2d"), convolution),
    "relax.matmul": product,
    "relax.mean": mean,
    "relax.nn.avg_pool2d": avg_pool,
    **dict.fromkeys(POOLS, max_pool),
    **dict.fromkeys(MOVES, move),
    "relax.take": take,
    "relax.image.resize2d": resize,
    "relax.nn.pad": pad,
    "relax.concat": concat,
    **dict.fromkeys(UNARY, unary),
    "relax.nn.leakyrelu": leaky_relu,
    "relax.clip": clip,
    **dict.fromkeys(BINARY, binary),
}
