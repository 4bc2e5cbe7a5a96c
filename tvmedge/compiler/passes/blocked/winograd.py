"""3x3 convolutions by Winograd's algorithm, where it is estimated to be faster.

before: conv2d(x, w[O, I, 3, 3])
after:  winograd(x in blocks, w[O / b / v, r * r, I / b, b, v, b])
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from tvm import relax

from tvmedge.compiler.kernels import OUT_ELEMWISE_FUSABLE
from tvmedge.compiler.kernels import winograd as kernel
from tvmedge.compiler.kernels.window import Window
from tvmedge.compiler.passes.blocked.context import Context
from tvmedge.compiler.passes.blocked.layout import image_sizes
from tvmedge.schedules.rules.cpu.algorithms import Image, chosen


@dataclass(frozen=True)
class Algorithm:
    """How a convolution is formed: ``made`` by Winograd's algorithm, or None where sums are to be
    direct; ``question`` is what knobs were asked, if there was a choice."""

    made: relax.Var | None = None
    question: str = ""


def winograd(
    context: Context, data: relax.Expr, weights: npt.NDArray[np.float32], window: Window
) -> Algorithm:
    """The convolution of ``data`` [N, I / b, H, W, b] with ``weights`` [O, I, 3, 3], where
    ``window`` is such a window and that is faster."""
    shape, layout = image_sizes(data), context.layout
    if shape is None or window != Window((3, 3), (1, 1), window.pads):
        return Algorithm()
    rows, columns = window.output(*shape[2:4])
    batch = shape[0] if isinstance(shape[0], int) else 1
    outs = layout.blocks(weights.shape[0]).number
    image = Image(batch, shape[1], outs, rows, columns, padded=any(window.pads))
    choice = chosen(layout.core, image, context.winograd, context.knobs)
    plan = choice.plan
    if plan is None:
        return Algorithm(question=choice.question)
    transform = kernel.F_BY_OUTPUTS[plan.outputs]
    packed = kernel.transformed(weights, transform, layout.block, plan.tile.vectors)
    way = kernel.Way(transform, plan.bands, choice.question)
    made = layout.builder.emit_te(
        lambda x, w: kernel.winograd(x, w, way, window.pads),
        data,
        relax.const(packed),
        primfunc_name_hint="winograd",
        primfunc_attrs={"op_pattern": OUT_ELEMWISE_FUSABLE},
    )
    return Algorithm(made, choice.question)
