"""Inputs of the suite's cases that are really attributes: axes, shapes, counts.

Earlier opsets had them as attributes; real models hold them as constants.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import onnx
from onnx import numpy_helper

from scripts.suite.cases import Case

# Operator -> the positions of such inputs.
ATTRIBUTE_INPUTS: Mapping[str, tuple[int, ...]] = {
    "AffineGrid": (1,),
    "BlackmanWindow": (0,),
    "CenterCropPad": (1,),
    "Col2Im": (1, 2),
    "ConstantOfShape": (0,),
    "CumProd": (1,),
    "CumSum": (1,),
    "DFT": (1, 2),
    "Dropout": (1, 2),
    "Expand": (1,),
    "HammingWindow": (0,),
    "HannWindow": (0,),
    "Loop": (0, 1),
    "MaxUnpool": (2,),
    "MelWeightMatrix": (0, 1, 2, 3, 4),
    "NonMaxSuppression": (2, 3, 4),
    "OneHot": (1,),
    "Pad": (1, 3),
    "Range": (0, 1, 2),
    "ReduceL1": (1,),
    "ReduceL2": (1,),
    "ReduceLogSum": (1,),
    "ReduceLogSumExp": (1,),
    "ReduceMax": (1,),
    "ReduceMean": (1,),
    "ReduceMin": (1,),
    "ReduceProd": (1,),
    "ReduceSum": (1,),
    "ReduceSumSquare": (1,),
    "Reshape": (1,),
    "Resize": (1, 2, 3),
    "STFT": (1, 3),
    "Slice": (1, 2, 3, 4),
    "Split": (1,),
    "SplitToSequence": (1,),
    "Squeeze": (1,),
    "Tile": (1, 2),
    "TopK": (1,),
    "Trilu": (1,),
    "Unsqueeze": (1,),
    "Upsample": (1,),
}


def attribute_inputs(case: Case, original: Case) -> tuple[str, ...]:
    """The names of the case's inputs that stand for attributes; of an expanded
    case, those that do in the ``original``."""
    names = {
        node.input[index]
        for node in original.model.graph.node
        for index in ATTRIBUTE_INPUTS.get(node.op_type, ())
        if index < len(node.input) and node.input[index]
    }
    return tuple(info.name for info in case.model.graph.input if info.name in names)


def bind(model: onnx.ModelProto, values: Mapping[str, Any]) -> onnx.ModelProto:
    """A copy of ``model`` where inputs are constants."""
    bound = onnx.ModelProto()
    bound.CopyFrom(model)
    for name, array in values.items():
        bound.graph.initializer.append(numpy_helper.from_array(array, name))
    if model.ir_version >= 4:  # before, initializers had to be inputs too
        kept = [info for info in model.graph.input if info.name not in values]
        del bound.graph.input[:]
        bound.graph.input.extend(kept)
    return bound
