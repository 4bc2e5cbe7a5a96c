"""NonMaxSuppression with ONNX's limits and defaults.

ONNX drops a box whose overlap is greater than the threshold, TVM one whose
overlap is the threshold too: TVM is given the next number. A threshold left
out is 0 in ONNX. Scores below 0 TVM takes for boxes dropped already.
"""

from __future__ import annotations

import numpy as np
from tvm import relax

from tvmedge.model.converters.node import Node

SMALLEST = np.finfo(np.float32).tiny  # TVM takes 0 for "suppress nothing"


def non_max_suppression(bb: relax.BlockBuilder, node: Node) -> relax.Expr:
    """NonMaxSuppression(boxes, scores, limit, overlap, score)"""
    boxes, scores, *given = (*node.inputs, None, None, None)[:5]
    limit, overlap, score = (_scalar(value) for value in given)
    if not limit:
        raise ValueError("without max_output_boxes_per_class it gives no box")
    if score is None or score < 0:
        raise ValueError("scores below 0 are not imported: give a score_threshold of 0 or more")
    above = np.nextafter(np.float32(overlap or 0), np.float32(np.inf))
    if node.attributes.get("center_point_box", 0):
        boxes = _corners(bb, boxes)
    found = relax.op.vision.all_class_non_max_suppression(
        boxes,
        scores,
        relax.const(int(limit), "int64"),
        relax.const(max(above, SMALLEST), "float32"),
        relax.const(score, "float32"),
        output_format="onnx",
    )
    return bb.emit(relax.TupleGetItem(bb.normalize(found), 0))


def _scalar(value: relax.Expr | None) -> float | None:
    if value is None:
        return None
    if not hasattr(value, "value"):
        raise ValueError("its limits and thresholds must be constants")
    return float(value.value.numpy().item())


def _corners(bb: relax.BlockBuilder, boxes: relax.Expr) -> relax.Expr:
    """[x, y, width, height] of the centre -> [y1, x1, y2, x2]"""
    parts = bb.normalize(relax.op.split(boxes, 4, axis=2))
    x, y, width, height = (relax.TupleGetItem(parts, i) for i in range(4))
    half = relax.const(0.5, "float32")
    dx, dy = relax.op.multiply(width, half), relax.op.multiply(height, half)
    corners = [
        relax.op.subtract(y, dy),
        relax.op.subtract(x, dx),
        relax.op.add(y, dy),
        relax.op.add(x, dx),
    ]
    return bb.normalize(relax.op.concat(corners, axis=2))
