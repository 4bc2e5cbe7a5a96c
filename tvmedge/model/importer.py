"""A prepared ONNX graph becomes a Relax module with a signature."""

from __future__ import annotations

import contextlib
import io
import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import onnx
import onnx_ir as ir
import tvm
from tvm import relax, tirx
from tvm.relax.frontend.onnx import onnx_frontend

from tvmedge.errors import InputError
from tvmedge.model.bounded_takes import bounded_takes
from tvmedge.model.control_flow import CONTROL_FLOW
from tvmedge.model.control_flow.importer import ControlFlowImporter, numbered
from tvmedge.model.converters import CONVERTERS, Converter, Node
from tvmedge.model.converters.open import OPEN
from tvmedge.model.converters.open.agreement import require_shapes
from tvmedge.model.converters.open.labels import agreed
from tvmedge.model.inputs import Shapes
from tvmedge.model.load import Model, first_line
from tvmedge.model.prepare import REWRITES, Prepared, prepare
from tvmedge.model.refuse import Refusal, find_refusals, node_name, qualified_op, refuse
from tvmedge.model.signature import bound_symbols, graph_inputs, signature
from tvmedge.model.symbolic import is_open
from tvmedge.model.walk import MissingError
from tvmedge.model.way_out import fix_sizes, reason, symbols_of
from tvmedge.types import Bounds, Signature


@dataclass(frozen=True)
class ImportedModel:
    """A model as Relax: ``module`` has one function ``main`` whose parameters
    are the signature's inputs; weights are constants inside."""

    model: Model
    module: tvm.IRModule
    signature: Signature


def import_model(model: Model, shapes: Shapes) -> ImportedModel:
    """Prepare ``model``, refuse what cannot be compiled, import the rest.

    Raises:
        InputError: unknown inputs, or unsupported nodes, all of them listed by
            name.
    """
    return import_prepared(model, prepare(model, shapes))


def import_prepared(model: Model, prepared: Prepared) -> ImportedModel:
    """The second half of ``import_model``."""
    graph, symbols = prepared.graph, prepared.symbols
    found = find_refusals(graph, importable_ops())
    refuse(model, [_opened(refusal, model, prepared) for refusal in found])
    try:
        module = bound_symbols(_Importer(model, graph, symbols).run(), symbols)
        return ImportedModel(model, module, signature(model, module, symbols))
    except InputError as error:
        if not symbols or type(error) is not InputError:
            raise
        raise InputError(
            f"{str(error).rstrip('.')} (with {', '.join(symbols)} open: "
            "fixing dimensions with --input NAME:SHAPE may help)."
        ) from error


def importable_ops() -> frozenset[str]:
    """Operators that TVM's importer knows by name."""
    own = {*CONVERTERS, *OPEN, *CONTROL_FLOW, "Constant"}
    return frozenset(onnx_frontend._get_convert_map()) | own


def _named_inputs(model: Model, graph: ir.Model) -> list[tuple[str, ir.Value]]:
    """The inputs with the names that the model gives them."""
    names = [value.name for value in graph_inputs(model)]
    return list(zip(names, graph.graph.inputs, strict=False))


def _opened(refusal: Refusal, model: Model, prepared: Prepared) -> Refusal:
    """An operator that ``prepare`` rewrites was left as it is: its sizes are open."""
    rewritten = any(refusal.op in getattr(one, "operators", ()) for one in REWRITES)
    if not prepared.symbols or refusal.way_out or not rewritten:
        return refusal
    named = _named_inputs(model, prepared.graph)
    way_out = fix_sizes(named, prepared.symbols, prepared.symbols)
    return replace(refusal, reason="it is only compiled for fixed sizes", way_out=way_out)


_NODE = re.compile(r"\bNode (\d+)\b")


class _Importer(ControlFlowImporter):
    """TVM's importer, going on after a node it refuses so that all are reported.

    A refused node is replaced by zeros of the type that ONNX's shape inference
    gave it, and the module is then thrown away.
    """

    def __init__(self, model: Model, graph: ir.Model, bounds: Mapping[str, Bounds]) -> None:
        super().__init__(bounds)
        self._model = model
        self._graph_inputs = _named_inputs(model, graph)
        self._bounds = bounds
        self._opset_version = graph.opset_imports[""]
        self._proto = ir.serde.serialize_model(graph)
        self._ir_nodes = numbered(graph.graph, self._proto.graph)
        self._refusals: list[Refusal] = []

    def run(self) -> tvm.IRModule:
        try:
            with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
                warnings.simplefilter("ignore")
                module = bounded_takes(self._import())
        except Exception as error:
            refuse(self._model, self._refusals)
            why = _NODE.sub(self._original_name, first_line(error))
            raise InputError(f"Model '{self._model.path}' cannot be imported: {why}.") from error
        refuse(self._model, self._refusals)
        return module

    def _original_name(self, number: re.Match[str]) -> str:
        return f"node '{node_name(self._ir_nodes[int(number[1])])}'"

    def _check_for_unsupported_ops(self, graph: onnx.GraphProto) -> None:
        """Done before, with every node's name (``refuse``)."""

    def _parse_attr(self, attributes: Iterable[onnx.AttributeProto]) -> dict[str, Any]:
        """Empty lists too, which TVM's own method takes for a failure."""
        values = ((a.name, onnx.helper.get_attribute_value(a)) for a in attributes)
        return {n: tuple(v) if _is_list(v) else v for n, v in values}

    def _new_var(self, var_name: str, shape: list[Any], dtype: str = "float32") -> relax.Var:
        """TVM takes a size of 0 for a symbol without a name; every open one of ours has one."""
        sizes = [0 if isinstance(dim, tirx.Var) and not dim.name else dim for dim in shape]
        return super()._new_var(var_name, sizes, dtype)

    def _import(self) -> tvm.IRModule:
        try:
            return self.from_onnx(self._proto.graph, self._opset_version)
        except BaseException:
            with contextlib.suppress(RuntimeError):
                self.bb._end_block()  # or its destructor prints a warning
            raise

    def _convert_operator(
        self, op_name: str, inputs: Any, attrs: dict[str, Any], opset: int
    ) -> relax.Expr:
        try:
            node = self._node(op_name, inputs, attrs, opset)
            if node.is_open:
                node = agreed(self.bb, node)
                inputs = onnx_frontend.onnx_input(node.inputs)
            convert = _converter(node)
            if convert:
                made = self.bb.normalize(convert(self.bb, node))
            else:
                made = super()._convert_operator(op_name, inputs, attrs, opset)
            require_shapes(node, made)
            return made
        except Exception as error:
            failed = self._ir_nodes[int(attrs["tvm_custom"]["name"])]
            if not isinstance(error, MissingError):  # after a refused node of its own graph
                self._refusals.append(self._refusal(failed, error, inputs))
            zeros = [_zeros(value) for value in failed.outputs]
            if None in zeros:
                raise MissingError from error
            return self.bb.normalize(zeros[0] if len(zeros) == 1 else relax.Tuple(zeros))

    def _refusal(self, node: ir.Node, error: Exception, inputs: Iterable[Any]) -> Refusal:
        values = [value for value in inputs if is_open(value)]
        way_out = None
        if values:
            way_out = fix_sizes(self._graph_inputs, symbols_of(values), self._bounds, error)
        return Refusal(node_name(node), qualified_op(node), reason(error, bool(values)), way_out)

    def _node(self, op: str, inputs: Any, attributes: dict[str, Any], opset: int) -> Node:
        own = {name: value for name, value in attributes.items() if name != "tvm_custom"}
        return Node(
            op,
            tuple(inputs),
            own,
            attributes["tvm_custom"]["num_outputs"],
            opset,
            tuple(None if value is None else self.known(value) for value in inputs),
            self.symbols,
        )


def _converter(node: Node) -> Converter | None:
    """Ours, None where TVM's is to be taken."""
    if node.is_open or node.op not in onnx_frontend._get_convert_map():
        return OPEN.get(node.op) or CONVERTERS.get(node.op)
    return CONVERTERS.get(node.op)


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, bytes)


def _zeros(value: ir.Value) -> relax.Expr | None:
    shape, dtype = value.shape, value.dtype
    if shape is None or dtype is None or not shape.is_static():
        return None
    return relax.op.zeros([int(d) for d in shape], dtype.numpy().name)  # type: ignore[arg-type]
