"""Inputs fixed to a value are constants; what they cannot be is one sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import numpy.typing as npt
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx.reference import ReferenceEvaluator

from tvmedge.errors import InputError
from tvmedge.model.inputs import Values
from tvmedge.model.load import Model, load
from tvmedge.model.prepare import prepare
from tvmedge.model.prepare.bind_values import bind_values, fixed_inputs

CHOICE = """<ir_version: 8, opset_import: ["": 18]>
chosen (int64 rate, float[N, 3] x, float scale) => (float[N, 3] y, int64 same)
{
    high = Constant <value_int: int = 16000> ()
    is_high = Equal (rate, high)
    loud = Mul (x, scale)
    y = If (is_high) <
        then_branch = up () => (float[N, 3] a) { a = Add (loud, loud) },
        else_branch = down () => (float[N, 3] b) { b = Neg (x) }
    >
    same = Identity (rate)
}"""


def model(text: str = CHOICE) -> Model:
    return Model("m", Path("m.onnx"), onnx.parser.parse_model(text), "ab" * 32, "unknown")


def typed(kind: str) -> Model:
    body = f"g ({kind} v) => ({kind} y) {{ y = Identity (v) }}"
    return model(f'<ir_version: 10, opset_import: ["": 21]> {body}')


@pytest.mark.parametrize(("rate", "factor"), [(16000, 2), (8000, -1)])
def test_the_branch_that_is_taken_is_all_that_is_left(rate: int, factor: int) -> None:
    bound = bind_values(model(), {"rate": rate, "scale": 1.0})
    assert [value.name for value in bound.proto.graph.input] == ["x"]
    graph = prepare(bound, {}).graph.graph
    assert not {node.op_type for node in graph} & {"If", "Equal"}
    x = np.ones((2, 3), np.float32)
    y, same = ReferenceEvaluator(bound.proto).run(None, {"x": x})
    np.testing.assert_array_equal(y, factor * x)
    assert same == rate


def test_the_given_model_stays_as_it_was() -> None:
    given_model = model()
    before = given_model.proto.SerializeToString()
    assert bind_values(given_model, {}) is given_model
    bind_values(given_model, {"rate": 8000})
    assert given_model.proto.SerializeToString() == before
    assert not given_model.fixed


def test_a_default_gives_way() -> None:
    proto = model().proto
    proto.graph.initializer.append(onnx.numpy_helper.from_array(np.array(8000), "rate"))
    bound = bind_values(Model("m", Path("m"), proto, "", ""), {"rate": 16000})
    assert [onnx.numpy_helper.to_array(t).item() for t in bound.proto.graph.initializer] == [16000]


def test_the_bundle_says_what_was_fixed() -> None:
    wide = np.arange(65, dtype=np.float32)
    bound = bind_values(model(CHOICE.replace("float scale", "float[K] scale")), {"scale": wide})
    bound = bind_values(bound, {"rate": 8000})
    long, rate = fixed_inputs(bound)
    assert (rate.name, rate.shape, rate.dtype, rate.value) == ("rate", (), "int64", (8000,))
    assert (long.shape, long.value) == ((65,), None) and long.sha256 != rate.sha256


@pytest.mark.parametrize(
    ("kind", "value", "dtype"),
    [
        ("float", 1, np.float32),
        ("float", 0.1, np.float32),
        ("float16", [0.1], np.float16),
        ("bfloat16", 2.5, ml_dtypes.bfloat16),
        ("bool", True, np.bool_),
        ("bool", 1, np.bool_),
        ("uint64", 2**64 - 1, np.uint64),
        ("int4", [-8, 7], ml_dtypes.int4),
        ("double", float("inf"), np.float64),
    ],
)
def test_the_type_is_the_models(kind: str, value: npt.ArrayLike, dtype: npt.DTypeLike) -> None:
    shape = f"[{len(value)}]" if isinstance(value, list) else ""
    (array,) = bind_values(typed(kind + shape), {"v": value}).fixed.values()
    assert array.dtype == dtype
    np.testing.assert_array_equal(array, np.asarray(value).astype(dtype))


@pytest.mark.parametrize(
    ("kind", "value", "says"),
    [
        ("int64", 1.5, "is int64, which cannot hold the value given for it, 1.5"),
        ("int64", float("nan"), "which cannot hold"),
        ("int64", True, "which cannot hold"),
        ("int8", 128, "is int8, which cannot hold"),
        ("int4", 8, "is int4, which cannot hold"),
        ("float16", 1e6, "is float16, which cannot hold"),
        ("float", 2**25 + 1, "is float32, which cannot hold"),
        ("float", "1", "which cannot hold"),
        ("bool", 2, "is bool, which cannot hold"),
        ("float[2, N]", [1.0, 2.0], r"has the shape \[2, N\], but the value given for it \[2\]"),
        ("float[2]", [[1], [2, 3]], "not a regular array"),
        ("string", 1, "no tensor of numbers"),
        ("seq(float)", 1, "no tensor of numbers"),
    ],
)
def test_what_does_not_fit(kind: str, value: Any, says: str) -> None:
    with pytest.raises(InputError, match=f"Model 'm.onnx': .*{says}"):
        bind_values(typed(kind), {"v": value})


def test_an_unknown_name() -> None:
    with pytest.raises(InputError, match=r"no input 'rat' \(nearest: rate\)"):
        bind_values(model(), {"rat": 1})


def test_a_shape_and_a_value() -> None:
    with pytest.raises(InputError, match="input 'rate' has a shape and a value"):
        prepare(bind_values(model(), {"rate": 1}), {"rate": ()})


def test_a_file(tmp_path: Path) -> None:
    path = tmp_path / "v.npy"
    np.save(path, np.array(3, np.int64))
    assert bind_values(model(), {"rate": path}).fixed["rate"] == 3
    np.save(path, np.array(3, np.int32))
    with pytest.raises(InputError, match=r"takes scalar int64, but .* holds scalar int32"):
        bind_values(model(), {"rate": path})
    with pytest.raises(InputError, match="No such file"):
        bind_values(model(), {"rate": tmp_path / "w.npy"})


@given(st.integers(-(2**63), 2**63 - 1))
def test_integers_are_exact(number: int) -> None:
    assert bind_values(typed("int64"), {"v": number}).fixed["v"] == number


def test_load_fixes_nothing(tmp_path: Path) -> None:
    onnx.save(model().proto, tmp_path / "m.onnx")
    values: Values = load(tmp_path / "m.onnx").fixed
    assert not values
