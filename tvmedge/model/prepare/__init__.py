"""ONNX-to-ONNX rewrites that make a model one that can be imported.

One rewrite a file, each an onnx-ir pass; the order is the list below.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import onnx
import onnx_ir as ir
from onnx_ir.passes import PassBase, Sequential
from onnx_ir.passes.common import (
    InlinePass,
    RemoveInitializersFromInputsPass,
    RemoveUnusedFunctionsPass,
)

from tvmedge.errors import InputError, TvmEdgeError
from tvmedge.model.inputs import Shapes
from tvmedge.model.load import Model, first_line
from tvmedge.model.prepare.bind_shapes import BindShapes
from tvmedge.model.prepare.convert_opset import ConvertOpset
from tvmedge.model.prepare.densify import densify
from tvmedge.model.prepare.drop_metadata import DropMetadata
from tvmedge.model.prepare.expansions import EXPANSIONS
from tvmedge.model.prepare.expansions.optionals import PresentInputs
from tvmedge.model.prepare.fixpoint import Fixpoint
from tvmedge.model.prepare.old_hardmax import OldHardmax
from tvmedge.model.prepare.old_prelu import OldPRelu
from tvmedge.model.prepare.old_resize import OldResize, UpsampleModes
from tvmedge.model.prepare.old_scan import OldScan
from tvmedge.model.prepare.operators import OPERATORS
from tvmedge.model.prepare.quantised import QUANTISED
from tvmedge.model.prepare.safe_names import SafeNames
from tvmedge.model.prepare.shapes import SHAPES
from tvmedge.types import Bounds

# Rewrites of single nodes, run together with folding until nothing changes.
REWRITES = (*SHAPES, *EXPANSIONS, *OPERATORS, *QUANTISED)

_AT_NODE = re.compile(r"for node ('[^']*') \(\S*::(\w+)\)")


@dataclass(frozen=True)
class Prepared:
    """A graph that can be imported, and the bounds of its open dimensions."""

    graph: ir.Model
    symbols: dict[str, Bounds]


def modernised(bind: BindShapes) -> tuple[PassBase, ...]:
    """What any model becomes first: bound, without functions, of a recent opset."""
    return (
        RemoveInitializersFromInputsPass(),
        DropMetadata(),
        PresentInputs(),
        bind,
        InlinePass(),
        RemoveUnusedFunctionsPass(),  # type: ignore[no-untyped-call]
        OldHardmax(),
        OldPRelu(),
        OldResize(),
        OldScan(),
        ConvertOpset(),
        UpsampleModes(),
    )


def preparation(bind: BindShapes) -> tuple[PassBase, ...]:
    """The rewrites, in order."""
    return (*modernised(bind), Fixpoint(REWRITES), SafeNames())


def prepare(model: Model, shapes: Shapes) -> Prepared:
    """A copy of ``model`` with inputs bound, a recent opset, folded constants
    and identifiers for names; node names stay the model's own.

    Raises:
        InputError: an input that is unknown or does not fit, or a rewrite that
            the model's content made fail.
    """
    if both := shapes.keys() & model.fixed.keys():
        raise InputError(f"Model '{model.path}': input '{min(both)}' has a shape and a value.")
    # onnx-ir keeps references into the proto and renames through them.
    proto = onnx.ModelProto()
    proto.CopyFrom(model.proto)
    bind = BindShapes(shapes)
    try:
        densify(proto)
        _refuse_maps(proto.graph)
        graph = ir.serde.deserialize_model(proto)
        return Prepared(Sequential(*preparation(bind))(graph).model, bind.symbols)
    except Exception as error:
        # onnx-ir wraps what a pass raises; ours are sentences already.
        cause = _cause(error)
        if isinstance(cause, TvmEdgeError):
            raise type(cause)(f"Model '{model.path}': {cause}") from error
        raise InputError(
            f"Model '{model.path}' cannot be prepared for import{_where(error)}: "
            f"{first_line(cause)}."
        ) from error


def _refuse_maps(graph: onnx.GraphProto) -> None:
    """onnx-ir has none."""
    for value in (*graph.input, *graph.value_info, *graph.output):
        kind = value.type
        if kind.HasField("sequence_type"):
            kind = kind.sequence_type.elem_type
        if kind.HasField("map_type"):
            raise InputError(
                f"'{value.name}' is a map, which is no tensor: export the model without it "
                "(skl2onnx: zipmap=False)."
            )


def _cause(error: BaseException) -> Exception:
    while error.__cause__ is not None and not isinstance(error, TvmEdgeError):
        error = error.__cause__
    assert isinstance(error, Exception)
    return error


def _where(error: BaseException | None) -> str:
    """The node that the optimizer was at, when it says so."""
    while error is not None:
        if found := _AT_NODE.search(str(error)):
            return f" at node {found[1]} ({found[2]})"
        error = error.__cause__
    return ""
