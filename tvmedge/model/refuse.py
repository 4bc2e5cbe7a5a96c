"""What cannot be compiled correctly, found before any work starts.

Each construct below is accepted by TVM's ONNX importer and compiled to
something else than the model says (measured on ONNX's own backend suite). A
constraint is a function whose docstring is the reason a user reads, after a
colon the way out; it returns True when the node is hit.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import onnx_ir as ir

from tvmedge.errors import InputError
from tvmedge.model.load import Model
from tvmedge.model.nodes import integer, optional, text

STANDARD_DOMAINS = ("", "ai.onnx")
Constraint = Callable[[ir.Node], bool]


@dataclass(frozen=True)
class Refusal:
    """One node that cannot be compiled, why, and where there is one the way out."""

    node: str
    op: str
    reason: str
    way_out: str | None = None


class RefusedNodesError(InputError):
    """A model with nodes that cannot be compiled, all of them in ``refusals``."""

    def __init__(self, message: str, refusals: tuple[Refusal, ...] = ()) -> None:
        super().__init__(message)
        self.refusals = refusals


def refuse(model: Model, refusals: Iterable[Refusal]) -> None:
    """Raise one sentence that names every refused node; nothing to refuse, nothing raised."""
    refusals = tuple(refusals)
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for refusal in refusals:
        why = ": ".join(filter(None, (refusal.reason, refusal.way_out)))
        groups[refusal.op, why].append(f"'{refusal.node}'")
    if not groups:
        return
    count = sum(len(nodes) for nodes in groups.values())
    listed = "; ".join(
        f"{op} ({reason}): {', '.join(nodes)}" for (op, reason), nodes in groups.items()
    )
    raise RefusedNodesError(
        f"Model '{model.path}' has {count} node{'s' if count > 1 else ''} "
        f"that cannot be compiled: {listed}.",
        refusals,
    )


def find_refusals(graph: ir.Model, importable: frozenset[str]) -> tuple[Refusal, ...]:
    """Every node that has no importer or hits a constraint, in graph order."""
    found = []
    for node in graph.graph.all_nodes():
        why = _reason(node, importable)
        if why:
            reason, _, way_out = why.partition(": ")
            found.append(Refusal(node_name(node), qualified_op(node), reason, way_out or None))
    return tuple(found)


def node_name(node: ir.Node) -> str:
    """The node's name, or for a nameless node its first output's."""
    return node.name or next((str(v.name) for v in node.outputs if v.name), "unnamed")


def qualified_op(node: ir.Node) -> str:
    """The operator, with its domain when that is not ONNX's own."""
    return node.op_type if node.domain in STANDARD_DOMAINS else f"{node.domain}.{node.op_type}"


def _reason(node: ir.Node, importable: frozenset[str]) -> str | None:
    if node.domain not in STANDARD_DOMAINS:
        return "an operator of a foreign domain: export it with standard operators"
    if any(v.is_graph_output() and isinstance(v.type, ir.SequenceType) for v in node.outputs):
        return "a sequence of tensors as the model's output: give its tensors as outputs"
    for constraint in CONSTRAINTS.get(node.op_type, ()):
        if constraint(node):
            return constraint.__doc__
    if node.op_type not in importable:
        return "no importer for this operator yet"
    if any(value.dtype in UNSUPPORTED_TYPES for value in (*node.inputs, *node.outputs) if value):
        return "a tensor type without code generation (float8, float4, int4, string or complex)"
    return None


UNSUPPORTED_TYPES = frozenset(
    t
    for t in ir.DataType
    if t.name.startswith(("FLOAT8", "FLOAT4", "INT4", "UINT4", "INT2", "UINT2", "COMPLEX"))
    or t.name == "STRING"
)


def _attention(node: ir.Node) -> bool:
    """ONNX's Attention is not imported yet"""
    return True


def _space_to_depth(node: ir.Node) -> bool:
    """only mode DCR is imported"""
    return text(node, "mode", "DCR") != "DCR"


def _conv_transpose(node: ir.Node) -> bool:
    """output_shape is not imported yet: export it with pads"""
    return "output_shape" in node.attributes


def _batch_norm(node: ir.Node) -> bool:
    """training mode: export the model for inference"""
    return bool(integer(node, "training_mode", 0))


def _dropout(node: ir.Node) -> bool:
    """training mode drops at random: export the model for inference"""
    mode = optional(node, 2)
    if mode is None:
        return False
    return mode.const_value is None or bool(mode.const_value.numpy().any())


def _random(node: ir.Node) -> bool:
    """it draws random numbers, which differ by run and runtime: make them an input"""
    return True


def _nms(node: ir.Node) -> bool:
    """its limits and thresholds must be constants"""
    given = [optional(node, index) for index in (2, 3, 4)]
    return any(value is not None and value.const_value is None for value in given)


def _quantisation(node: ir.Node) -> bool:
    """only float32 is quantised here, and only whole tensors or along an axis"""
    real = [optional(node, index) for index in ((0, 1) if node.op_type[0] == "Q" else (1,))]
    others = [value for value in real if value is not None and value.dtype != ir.DataType.FLOAT]
    return bool(others) or bool(integer(node, "block_size", 0))


def _sequence_position(node: ir.Node) -> bool:
    """a negative position is not imported yet: count from the start"""
    position = optional(node, 1 if node.op_type == "SequenceErase" else 2)
    known = None if position is None else position.const_value
    return known is not None and known.size == 1 and int(known.numpy().item()) < 0


CONSTRAINTS: dict[str, tuple[Constraint, ...]] = {
    "Attention": (_attention,),
    "BatchNormalization": (_batch_norm,),
    "Bernoulli": (_random,),
    "ConvTranspose": (_conv_transpose,),
    "DequantizeLinear": (_quantisation,),
    "Dropout": (_dropout,),
    "NonMaxSuppression": (_nms,),
    "QuantizeLinear": (_quantisation,),
    "RandomNormal": (_random,),
    "RandomNormalLike": (_random,),
    "RandomUniform": (_random,),
    "RandomUniformLike": (_random,),
    "SequenceErase": (_sequence_position,),
    "SequenceInsert": (_sequence_position,),
    "SpaceToDepth": (_space_to_depth,),
}
