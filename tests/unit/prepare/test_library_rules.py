"""The library's rewrite rules: they still apply, and no node costs a look through the graph."""

from __future__ import annotations

from collections import Counter
from unittest import mock

import numpy as np
import onnx
import onnx_ir as ir
from onnx.reference import ReferenceEvaluator
from onnxscript.rewriter import pattern

from tvmedge.model.prepare.library_rules import library_rules


def _parsed(body: str, inputs: str = "float[1, 2, 4, 4] x") -> ir.Model:
    text = f'<ir_version: 8, opset_import: ["": 18]> g ({inputs}) => (y) {{ {body} }}'
    return ir.serde.deserialize_model(onnx.parser.parse_model(text))


def _operators(model: ir.Model) -> dict[str, int]:
    return dict(Counter(node.op_type for node in model.graph))


def test_a_normalisation_becomes_part_of_its_convolution() -> None:
    model = _parsed("c = Conv (x, w) y = BatchNormalization (c, s, b, m, v)")
    generator = np.random.default_rng(1)
    values = {"w": (3, 2, 3, 3), "s": (3,), "b": (3,), "m": (3,), "v": (3,)}
    used = {value.name: value for node in model.graph for value in node.inputs if value}
    for name, shape in values.items():
        used[name].const_value = ir.tensor(generator.random(shape, np.float32) + 0.5, name=name)
        model.graph.register_initializer(used[name])
    x = {"x": generator.random((1, 2, 4, 4), np.float32)}
    (want,) = ReferenceEvaluator(ir.serde.serialize_model(model)).run(None, x)
    assert library_rules()(model).modified
    assert _operators(model) == {"Conv": 1}
    (got,) = ReferenceEvaluator(ir.serde.serialize_model(model)).run(None, x)
    np.testing.assert_allclose(np.asarray(got), np.asarray(want), rtol=1e-5)


def test_two_slices_stay_two() -> None:
    body = "a = Slice (x, zero, one, one) b = Slice (x, one, two, one) y = Add (a, b)"
    model = _parsed(body)
    used = {value.name: value for node in model.graph for value in node.inputs if value}
    for number, name in enumerate(("zero", "one", "two")):
        used[name].const_value = ir.tensor(np.array([number], np.int64), name=name)
        model.graph.register_initializer(used[name])
    assert not library_rules()(model).modified
    assert _operators(model) == {"Slice": 2, "Add": 1}


def test_rules_are_asked_only_about_their_operator() -> None:
    chain = " ".join(f"v{i + 1} = Neg (v{i})" for i in range(50))
    model = _parsed(f"v0 = Identity (x) {chain} y = Relu (v50)")
    with mock.patch.object(pattern.RewriteRule, "try_rewrite", autospec=True) as asked:
        asked.return_value = None
        library_rules()(model)
    operators = {call.args[3].op_type for call in asked.call_args_list}
    assert operators <= {"Relu", "Identity"} and len(asked.call_args_list) <= 6
