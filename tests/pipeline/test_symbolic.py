"""What is computed of sizes symbolically is what the model computes with numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tvm import relax, tirx

from tvmedge.model.signature import _dim
from tvmedge.model.symbolic import Known, Symbols, answer
from tvmedge.model.symbolic.known import elements, known_array
from tvmedge.shapes import evaluate
from tvmedge.types import Bounds

N = tirx.Var("N", "int64")
FLOAT, INT = 1, 7
ANY = Bounds()


def symbols(bounds: Bounds) -> Symbols:
    found = Symbols({"N": bounds})
    found.learn([N])
    return found


def open_vector(*sizes: Any) -> Known:
    return Known(elements((len(sizes),), sizes), "int64")


def calculate(
    op: str,
    *known: Known | None,
    bounds: Bounds = ANY,
    **attributes: Any,
) -> Known | None:
    values = [None if k is None else relax.const(0) for k in known]
    found = answer(op, values, known, attributes, 1, symbols(bounds))
    return None if found is None else found[0]


def at(known: Known, size: int) -> list[int]:
    dims = [e if isinstance(e, int) else _dim(e) for e in known.sizes()]
    return [evaluate(dim, {"N": size}) for dim in dims if dim is not None]


def const(value: Any, dtype: str = "int64") -> Known:
    known = known_array(np.array(value, dtype))
    assert known is not None
    return known


@given(
    st.sampled_from([0.5, 2.0, 0.0625, 1.5, 0.1, 0.7, 3.0, 1 / 3, 7.0, 0.99]),
    st.sampled_from(["Mul", "Div"]),
    st.sampled_from(["Floor", "Ceil", None]),
    st.lists(st.integers(1, 60000), min_size=5, max_size=20),
)
def test_floats_round_as_the_model_does(
    scale: float, op: str, rounding: str | None, sizes: list[int]
) -> None:
    as_float = calculate("Cast", open_vector(N), to=FLOAT)
    scaled = calculate(op, as_float, const([scale], "float32"))
    known = scaled if rounding is None or scaled is None else calculate(rounding, scaled)
    whole = known and calculate("Cast", known, to=INT)
    exact = scale in (0.5, 2.0, 0.0625, 1.5) if op == "Mul" else scale.is_integer()
    assert whole is not None or not exact  # what a float holds exactly is followed
    if whole is None:
        return
    for size in sizes:
        number = np.float32(size)
        number = number * np.float32(scale) if op == "Mul" else number / np.float32(scale)
        want = {"Floor": np.floor, "Ceil": np.ceil, None: np.trunc}[rounding](number)
        assert at(whole, size) == [int(want)]


@pytest.mark.parametrize(
    ("op", "inputs", "attributes", "want"),
    [
        ("Add", [open_vector(N), const([3])], {}, [13]),
        ("Sub", [open_vector(N, 7), const(1)], {}, [9, 6]),
        ("Mul", [open_vector(N), open_vector(N)], {}, [100]),
        ("Div", [open_vector(N), const([4])], {}, [2]),
        ("Mod", [open_vector(N), const([4])], {}, [2]),
        ("Min", [open_vector(N), const([4])], {}, [4]),
        ("Max", [open_vector(N), const([4])], {}, [10]),
        ("Neg", [open_vector(N)], {}, [-10]),
        ("ReduceProd", [open_vector(N, 3, 2)], {"keepdims": 0}, [60]),
        ("ReduceSum", [open_vector(N, 3, 2), const([0])], {"keepdims": 1}, [15]),
        ("Concat", [open_vector(N), const([1, 2])], {"axis": 0}, [10, 1, 2]),
        ("Gather", [open_vector(N, 3), const([-1, 0])], {}, [3, 10]),
        ("Slice", [open_vector(N, 3, 4), const([-1]), const([-9]), None, const([-2])], {}, [4, 10]),
        ("Range", [open_vector(N), open_vector(N + 3), const(1)], {}, [10, 11, 12]),
        ("Tile", [open_vector(N, 3), const([2])], {}, [10, 3, 10, 3]),
    ],
)
def test_operators_on_sizes(
    op: str, inputs: list[Known | None], attributes: dict[str, Any], want: list[int]
) -> None:
    known = calculate(op, *inputs, **attributes)
    assert known is not None and at(known, 10) == want


def test_comparisons_are_decided_where_all_sizes_agree() -> None:
    minus, ten = const([-1]), const([10])
    one = calculate("Equal", open_vector(N), minus)
    assert one is not None and list(one.elements) == [False]
    assert calculate("Equal", open_vector(N), ten) is None
    within = calculate("Less", open_vector(N), ten, bounds=Bounds(1, 9))
    assert within is not None and list(within.elements) == [True]
    picked = calculate("Where", one, minus, open_vector(N))
    assert picked is not None and at(picked, 6) == [6]


def test_division_that_may_be_of_negative_numbers_is_not_followed() -> None:
    assert calculate("Div", open_vector(N - 5), const([2])) is None
    assert calculate("Div", open_vector(N - 5), const([2]), bounds=Bounds(5)) is not None


@given(st.integers(1, 50))
def test_the_text_of_a_size_keeps_its_order(size: int) -> None:
    half = tirx.floordiv(tirx.min(N, tirx.IntImm("int64", 7)) + 1, 2)
    want = (min(size, 7) + 1) // 2
    for expr, number in ((half, want), ((half - 3) * 2, (want - 3) * 2)):
        text = _dim(expr)
        assert text is not None and evaluate(text, {"N": size}) == number
