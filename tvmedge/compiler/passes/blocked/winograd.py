"""3x3 convolutions by Winograd's algorithm, where it is estimated to be faster.

before: conv2d(x, w[O, I, 3, 3])
after:  winograd(x in blocks, w[O / b / v, r * r, I / b, b, v, b])
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from tvm import relax

from tvmedge.compiler.kernels import OUT_ELEMWISE_FUSABLE
from tvmedge.compiler.kernels import winograd as kernel
from tvmedge.compiler.kernels.window import Window
from tvmedge.compiler.passes.blocked.context import Context
from tvmedge.compiler.passes.blocked.layout import image_sizes
from tvmedge.schedules.rules.cpu.algorithms import Image, faster


def winograd(
    context: Context, data: relax.Expr, weights: npt.NDArray[np.float32], window: Window
) -> relax.Var | None:
    """The convolution of ``data`` [N, I / b, H, W, b] with ``weights`` [O, I, 3, 3]; None
    where ``window`` is no such window, or direct sums are faster."""
    shape, layout = image_sizes(data), context.layout
    if shape is None or window != Window((3, 3), (1, 1), window.pads):
        return None
    rows, columns = window.output(*shape[2:4])
    batch = shape[0] if isinstance(shape[0], int) else 1
    outs = layout.blocks(weights.shape[0]).number
    image = Image(batch, shape[1], outs, rows, columns, padded=any(window.pads))
    plan = faster(layout.core, image, context.winograd)
    if plan is None:
        return None
    transform = kernel.F_BY_OUTPUTS[plan.outputs]
    packed = kernel.transformed(weights, transform, layout.block, plan.tile.vectors)
    return layout.builder.emit_te(
        lambda x, w: kernel.winograd(x, w, transform, window.pads, plan.bands),
        data,
        relax.const(packed),
        primfunc_name_hint="winograd",
        primfunc_attrs={"op_pattern": OUT_ELEMWISE_FUSABLE},
    )
