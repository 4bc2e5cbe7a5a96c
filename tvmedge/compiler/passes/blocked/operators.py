"""The operators that compute in blocks, by the name of the Relax operator."""

from __future__ import annotations

from collections.abc import Callable

from tvm import relax

from tvmedge.compiler.passes.blocked.channels import concat, mean
from tvmedge.compiler.passes.blocked.context import Context
from tvmedge.compiler.passes.blocked.convolution import conv2d
from tvmedge.compiler.passes.blocked.elementwise import BINARY, UNARY, binary, unary
from tvmedge.compiler.passes.blocked.layout import Blocked
from tvmedge.compiler.passes.blocked.pool import avg_pool2d, max_pool2d

# A handler returns None where the plain layout serves better or the call is not for it.
Handler = Callable[[Context, relax.Call], Blocked | None]

OPERATORS: dict[str, Handler] = {
    "relax.nn.conv2d": conv2d,
    "relax.nn.max_pool2d": max_pool2d,
    "relax.nn.avg_pool2d": avg_pool2d,
    "relax.mean": mean,
    "relax.concat": concat,
    **dict.fromkeys(UNARY, unary),
    **dict.fromkeys(BINARY, binary),
}
