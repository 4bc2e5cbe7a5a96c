"""Sequences resolved to their tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import ModelProto, NodeProto, TensorProto, helper
from onnx.reference import ReferenceEvaluator

from tests.onnx_models import model, tensor
from tests.onnx_rewrites import check_rewrite
from tvmedge.errors import InputError
from tvmedge.model.prepare.expansions.sequences import SequenceReads, SplitToSequence

NAMES = ("a", "b", "c")
TENSORS = {name: np.full((2, 3), k, np.float32) for k, name in enumerate(NAMES)}


def _node(op: str, inputs: list[str], output: str, **attributes: Any) -> NodeProto:
    return helper.make_node(op, inputs, [output], **attributes)


def _model(
    nodes: list[NodeProto], weights: dict[str, Any], shape: list[int], kind: int = 1
) -> ModelProto:
    arrays = {name: np.asarray(value) for name, value in weights.items()}
    declared = [tensor(name, [2, 3]) for name in NAMES]
    return model(nodes, declared, [tensor("y", shape, kind)], arrays, opset=18)


def _check(
    nodes: list[NodeProto], weights: dict[str, Any], shape: list[int], kind: int = 1
) -> list[str]:
    return check_rewrite(SequenceReads(), _model(nodes, weights, shape, kind), dict(TENSORS))


@given(
    edits=st.lists(st.tuples(st.sampled_from(NAMES), st.integers(-9, 9)), max_size=6),
    erased=st.integers(-9, 9),
    read=st.integers(-9, 9),
)
def test_what_is_inserted_and_erased(edits: list[tuple[str, int]], erased: int, read: int) -> None:
    nodes, weights, names = [_node("SequenceConstruct", ["a", "b"], "s0")], {}, ["a", "b"]
    for index, (name, place) in enumerate(edits):
        size = len(names)
        weights[f"p{index}"] = where = place % (2 * size + 1) - size  # from -size to size
        names.insert(where, name)
        nodes.append(_node("SequenceInsert", [f"s{index}", name, f"p{index}"], f"s{index + 1}"))
    weights["e"] = gone = erased % (2 * len(names)) - len(names)
    del names[gone]
    weights["r"] = where = read % (2 * len(names)) - len(names)
    nodes.append(_node("SequenceErase", [f"s{len(edits)}", "e"], "t"))
    nodes.append(_node("SequenceAt", ["t", "r"], "y"))
    result = SequenceReads()(ir.serde.deserialize_model(_model(nodes, weights, [2, 3])))
    # ONNX's evaluator itself puts what goes to the end at the front.
    (y,) = ReferenceEvaluator(ir.serde.serialize_model(result.model)).run(None, dict(TENSORS))
    assert "SequenceAt" not in [node.op_type for node in result.model.graph]
    np.testing.assert_array_equal(np.asarray(y), TENSORS[names[where]])


def test_the_default_place_is_the_end() -> None:
    nodes = [
        _node("SequenceEmpty", [], "s0"),
        _node("SequenceInsert", ["s0", "a"], "s1"),
        _node("SequenceInsert", ["s1", "b"], "s2"),
        _node("SequenceErase", ["s2"], "s3"),
        _node("SequenceInsert", ["s3", "c"], "s4"),
        _node("ConcatFromSequence", ["s4"], "y", axis=1),
    ]
    assert "Concat" in _check(nodes, {}, [2, 6])


@pytest.mark.parametrize("axis", [-1, 0, 2])
def test_stacks(axis: int) -> None:
    nodes = [
        _node("SequenceConstruct", ["a", "b", "c"], "s"),
        _node("ConcatFromSequence", ["s"], "y", axis=axis, new_axis=1),
    ]
    shape = np.stack(list(TENSORS.values()), axis).shape
    assert _check(nodes, {}, list(shape)).count("Unsqueeze") == 3


def test_a_length() -> None:
    nodes = [_node("SequenceConstruct", ["a", "b"], "s"), _node("SequenceLength", ["s"], "y")]
    assert "SequenceLength" not in _check(nodes, {}, [], TensorProto.INT64)


def test_a_place_outside_is_refused() -> None:
    nodes = [_node("SequenceConstruct", ["a", "b"], "s"), _node("SequenceAt", ["s", "r"], "y")]
    with pytest.raises(InputError, match="no position 2"):
        _check(nodes, {"r": np.array(2)}, [2, 3])


@pytest.mark.parametrize("split", [None, np.array(2), np.array(4), np.array([1, 3, 1])])
@pytest.mark.parametrize("keep", [0, 1])
def test_parts(split: np.ndarray | None, keep: int) -> None:
    inputs = ["x"] if split is None else ["x", "n"]
    nodes = [
        _node("SplitToSequence", inputs, "s", axis=1, keepdims=keep),
        _node("SequenceAt", ["s", "last"], "y"),
    ]
    rank = 2 if keep or split is not None else 1
    weights = {"last": np.array(-1)} | ({} if split is None else {"n": split})
    proto = model([*nodes], [tensor("x", [2, 5])], [tensor("y", [None] * rank)], weights, opset=18)
    x = np.arange(10, dtype=np.float32).reshape(2, 5)
    after = check_rewrite(SplitToSequence(), proto, {"x": x})
    assert "SplitToSequence" not in after


def test_what_the_data_decides_stays() -> None:
    nodes = [_node("SequenceConstruct", ["a", "b"], "s"), _node("SequenceAt", ["s", "r"], "y")]
    declared = [*(tensor(name, [2, 3]) for name in NAMES), tensor("r", [], TensorProto.INT64)]
    proto = model(nodes, declared, [tensor("y", [2, 3])], opset=18)
    assert not SequenceReads()(ir.serde.deserialize_model(proto)).modified
