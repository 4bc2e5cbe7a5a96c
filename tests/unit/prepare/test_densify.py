"""Sparse tensors written out."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from tests.onnx_models import FLOAT, INT64, model, tensor
from tvmedge.errors import InputError
from tvmedge.model.prepare.densify import densify


def _sparse(dense: np.ndarray, *, flat: bool) -> onnx.SparseTensorProto:
    where = np.nonzero(dense)
    indices = np.ravel_multi_index(where, dense.shape) if flat else np.stack(where, axis=1)
    proto = numpy_helper.from_array(dense[where], "w")
    return helper.make_sparse_tensor(
        proto, numpy_helper.from_array(indices.astype(np.int64)), dense.shape
    )


@given(
    st.lists(st.integers(1, 4), min_size=1, max_size=3), st.booleans(), st.integers(0, 2**32 - 1)
)
def test_an_initializer(shape: list[int], flat: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    dense = rng.integers(-2, 3, shape).astype(np.float32)
    node = helper.make_node("Add", ["x", "w"], ["y"])
    proto = model([node], [tensor("x", shape)], [tensor("y", shape)])
    proto.graph.sparse_initializer.append(_sparse(dense, flat=flat))
    densify(proto)
    assert not proto.graph.sparse_initializer
    (weight,) = proto.graph.initializer
    np.testing.assert_array_equal(numpy_helper.to_array(weight), dense)
    onnx.checker.check_model(proto)


def test_a_constant_in_a_branch() -> None:
    dense = np.array([0, 5, 0], np.float32)
    constant = helper.make_node("Constant", [], ["a"], sparse_value=_sparse(dense, flat=True))
    branch = helper.make_graph([constant], "b", [], [tensor("a", [3])])
    node = helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch)
    condition = tensor("c", [], TensorProto.BOOL)
    proto = model([node], [condition], [tensor("y", [3])])
    densify(proto)
    inner = proto.graph.node[0].attribute[0].g.node[0].attribute[0]
    assert inner.name == "value"
    np.testing.assert_array_equal(numpy_helper.to_array(inner.t), dense)


def test_a_tensor_that_cannot_be_held_is_refused() -> None:
    values = helper.make_tensor("w", FLOAT, [1], [1.0])
    sparse = helper.make_sparse_tensor(
        values, helper.make_tensor("", INT64, [1, 2], [0, 0]), [1 << 20, 1 << 20]
    )
    proto = model([], [], [])
    proto.graph.sparse_initializer.append(sparse)
    with pytest.raises(InputError, match="'w'"):
        densify(proto)
