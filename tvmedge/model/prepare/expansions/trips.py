"""How often the body of a Loop runs, where it is known before."""

from __future__ import annotations

import onnx_ir as ir

from tvmedge.model.nodes import const, optional


def loop_trips(node: ir.Node) -> int | None:
    """How often the body runs, None where the data decides."""
    body = node.attributes["body"].as_graph()
    count, condition = optional(node, 0), optional(node, 1)
    start = const(condition)
    if start is not None and not start.any():
        return 0
    limit = const(count)
    if limit is None or (condition is not None and start is None):
        return None
    after = body.outputs[0]
    while (producer := after.producer()) is not None and producer.op_type == "Identity":
        (inner,) = producer.inputs
        assert inner is not None
        after = inner
    trips = max(int(limit.item()), 0)
    if after is body.inputs[1]:
        return trips
    stays = ir.convenience.get_const_tensor(after)
    if stays is None:
        return None
    return trips if stays.numpy().any() else min(trips, 1)
