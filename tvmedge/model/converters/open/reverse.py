"""ReverseSequence of an open batch or open lengths.

out[t, b] = x[length[b] - 1 - t, b] where t < length[b], else x[t, b]
"""

from __future__ import annotations

from tvm import relax, te, tirx

from tvmedge.model.converters.node import Node
from tvmedge.model.converters.open.sizes import dims_of, tensor_of


def reverse_sequence(bb: relax.BlockBuilder, node: Node) -> relax.Expr:
    """ReverseSequence(x, sequence_lens, batch_axis, time_axis)"""
    rank = len(dims_of(node))
    batch = int(node.attributes.get("batch_axis", 1)) % rank
    time = int(node.attributes.get("time_axis", 0)) % rank

    def compute(data: te.Tensor, lengths: te.Tensor) -> te.Tensor:
        def element(*at: tirx.Var) -> tirx.Expr:
            step = at[time]
            # A length beyond the axis must not lead beyond the tensor.
            length = tirx.min(tirx.Cast("int64", lengths(at[batch])), data.shape[time])
            place = tirx.if_then_else(step < length, length - 1 - step, step)
            return data(*at[:time], place, *at[time + 1 :])

        return te.compute(data.shape, element, name="reverse_sequence")

    x, lengths = tensor_of(node), tensor_of(node, 1)
    return bb.emit_te(compute, x, lengths, primfunc_name_hint="reverse_sequence")
