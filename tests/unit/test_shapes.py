"""Shapes with open dimensions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tvmedge.errors import InputError
from tvmedge.shapes import describe, evaluate, is_static, resolve
from tvmedge.tensors.sizes import bind_sizes, default_sizes, fits, resolved
from tvmedge.types import Bounds, Signature, TensorSpec

SIGNATURE = Signature(
    inputs=(TensorSpec("x", ("N", 3), "float32"), TensorSpec("y", ("N", "T"), "float32")),
    outputs=(TensorSpec("z", ("N", "T * 2 + 1"), "float32"),),
    symbols={"N": Bounds(1, 8), "T": Bounds(2)},
)


@given(st.integers(0, 10**6), st.integers(1, 10**6))
def test_expressions_mean_what_python_means(n: int, m: int) -> None:
    sizes = {"n": n, "m": m}
    for text in ("n", "n * 2 + m", "(n + 31) // m", "n % m - 7", "max(n, m) * min(n, 3)", "n * -2"):
        want = eval(text, {"min": min, "max": max}, sizes)
        assert evaluate(text, sizes) == want


@pytest.mark.parametrize(
    "text",
    [
        *["", "N +", "N ** 2", "f(N, 1)", "min(N)", "N.real", "'a'", "1.5", "True", "[N]", "M"],
        *["N // 0", "N" * 2000, "__import__('os')"],
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        evaluate(text, {"N": 3})


def test_shapes_as_text_and_sizes() -> None:
    shape = ("N", 3, "N * 2")
    assert describe(shape) == "Nx3x(N * 2)" and describe(()) == "scalar"
    assert not is_static(shape) and is_static((1, 2))
    assert resolve(shape, {"N": 4}) == (4, 3, 8)


def test_actual_inputs_bind_symbols() -> None:
    sizes = bind_sizes(SIGNATURE, {"x": (4, 3), "y": (4, 5)})
    assert sizes == {"N": 4, "T": 5}
    assert resolved(SIGNATURE.outputs[0], sizes).shape == (4, 11)
    assert default_sizes(SIGNATURE, {"T": 9}) == {"N": 8, "T": 9}
    assert default_sizes(SIGNATURE, {}) == {"N": 8, "T": 64}
    assert fits(("N", 3), (7, 3)) and not fits(("N", 3), (7, 4)) and not fits(("N", 3), (7,))


@pytest.mark.parametrize(
    ("shapes", "says"),
    [
        ({"x": (4, 3), "y": (5, 5)}, "has 5 for N, another input has 4"),
        ({"x": (9, 3)}, "has 9 for N, the model was compiled for 1 to 8"),
        ({"x": (0, 3)}, "has 0 for N"),
        ({"y": (1, 1)}, "has 1 for T, the model was compiled for 2 or more:"),
    ],
)
def test_sizes_that_do_not_fit(shapes: dict[str, tuple[int, ...]], says: str) -> None:
    with pytest.raises(InputError) as caught:
        bind_sizes(SIGNATURE, shapes)
    assert says in str(caught.value)
