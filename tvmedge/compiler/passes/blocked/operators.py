"""The operators that compute in blocks, by the name of the Relax operator."""

from __future__ import annotations

from collections.abc import Callable

from tvm import relax

from tvmedge.compiler.passes.blocked.channels import concat, extreme, mean, shuffle
from tvmedge.compiler.passes.blocked.context import Context
from tvmedge.compiler.passes.blocked.convolution import convolution
from tvmedge.compiler.passes.blocked.elementwise import (
    BINARY,
    UNARY,
    binary,
    cast,
    look_up,
    to_grid,
    unary,
)
from tvmedge.compiler.passes.blocked.integers import dot_convolution
from tvmedge.compiler.passes.blocked.layout import Blocked
from tvmedge.compiler.passes.blocked.pool import avg_pools, max_pools
from tvmedge.compiler.passes.blocked.resize import repeat
from tvmedge.compiler.passes.blocked.slices import strided_slice, take
from tvmedge.compiler.passes.blocked.transposed import transposed
from tvmedge.compiler.passes.blocked.views import view
from tvmedge.compiler.passes.blocked.volumes import avg_pool3d, conv3d, max_pool3d

# A handler returns None where the plain layout serves better or the call is not for it, and an
# expression of the new function where the result is in no blocks.
Handler = Callable[[Context, relax.Call], Blocked | relax.Expr | None]


def reshape(context: Context, call: relax.Call) -> Blocked | None:
    """What comes of several operators, of which a reshape is the last, or a view."""
    return shuffle(context, call) or repeat(context, call) or view(context, call)


OPERATORS: dict[str, Handler] = {
    **dict.fromkeys(("relax.nn.conv1d", "relax.nn.conv2d"), convolution),
    **dict.fromkeys(("relax.nn.conv1d_transpose", "relax.nn.conv2d_transpose"), transposed),
    **dict.fromkeys(("relax.nn.max_pool1d", "relax.nn.max_pool2d"), max_pools),
    **dict.fromkeys(("relax.nn.avg_pool1d", "relax.nn.avg_pool2d"), avg_pools),
    "relax.nn.conv3d": conv3d,
    "relax.nn.max_pool3d": max_pool3d,
    "relax.nn.avg_pool3d": avg_pool3d,
    **dict.fromkeys(("relax.squeeze", "relax.expand_dims"), view),
    "relax.reshape": reshape,
    "relax.strided_slice": strided_slice,
    "relax.take": take,
    "relax.mean": mean,
    **dict.fromkeys(("relax.min", "relax.max"), extreme),
    "relax.concat": concat,
    "relax.astype": cast,
    **dict.fromkeys(("relax.quantize", "relax.dequantize"), to_grid),
    **dict.fromkeys(UNARY, unary),
    **dict.fromkeys(BINARY, binary),
}


def _take(context: Context, call: relax.Call) -> Blocked | None:
    return look_up(context, call) or take(context, call)


INTEGER_OPERATORS: dict[str, Handler] = {
    "relax.nn.conv1d": dot_convolution,
    "relax.nn.conv2d": dot_convolution,
    **dict.fromkeys(("relax.nn.max_pool1d", "relax.nn.max_pool2d"), max_pools),
    **dict.fromkeys(("relax.squeeze", "relax.expand_dims"), view),
    "relax.reshape": reshape,
    "relax.strided_slice": strided_slice,
    "relax.take": _take,
    "relax.sum": mean,
    "relax.concat": concat,
    "relax.astype": cast,
    **dict.fromkeys(("relax.add", "relax.subtract", "relax.multiply"), binary),
    **dict.fromkeys(("relax.maximum", "relax.minimum"), binary),
    **dict.fromkeys(("relax.left_shift", "relax.right_shift"), binary),
}
