"""Products whose sizes are open, compiled once and run at several."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper
from onnx.reference import ReferenceEvaluator

from tests.cpu_kernels import CORES, compiled, exact, graph, random
from tests.onnx_models import model, tensor
from tests.open_runs import imported
from tests.relax_runs import runner
from tvmedge.scheduling.engine import Choice
from tvmedge.tensors import max_normalised_error

CLOSE = 1e-5
SIZES = [(1, 1), (2, 5), (1, 40), (3, 33)]
WIDTH, HEADS = 24, 3


def _split(name: str) -> list[object]:
    """[N, S, WIDTH] in heads."""
    return [
        helper.make_node("MatMul", ["x", f"w_{name}"], [f"{name}_p"]),
        helper.make_node("Reshape", [f"{name}_p", "heads"], [f"{name}_h"]),
        helper.make_node("Transpose", [f"{name}_h"], [name], perm=[0, 2, *TURNS[name]]),
    ]


TURNS = {"q": (1, 3), "k": (3, 1)}
ATTENTION = [
    *_split("q"),
    *_split("k"),
    helper.make_node("MatMul", ["q", "k"], ["scores"]),
    helper.make_node("Mul", ["scores", "scale"], ["scaled"]),
    helper.make_node("Softmax", ["scaled"], ["mixed"]),
    helper.make_node("MatMul", ["mixed", "q"], ["o"]),
    helper.make_node("Transpose", ["o"], ["t"], perm=[0, 2, 1, 3]),
    helper.make_node("Reshape", ["t", "flat"], ["r"]),
    helper.make_node("MatMul", ["r", "w_o"], ["y"]),
]
CONSTANTS = {
    "heads": np.array([0, 0, HEADS, WIDTH // HEADS]),
    "flat": np.array([0, 0, WIDTH]),
    "scale": np.array(0.5, np.float32),
    "w_o": random(WIDTH, 33, seed=4),
} | {f"w_{name}": random(WIDTH, WIDTH, seed=i) for i, name in enumerate("qk")}


@pytest.mark.parametrize("core", CORES)
def test_attention_of_any_batch_and_length(core: str) -> None:
    shape = ["N", "S"]
    proto = model(ATTENTION, [tensor("x", [*shape, WIDTH])], [tensor("y", [*shape, 33])], CONSTANTS)
    seen: dict[str, Choice] = {}
    run = runner(imported(proto).module, CORES[core], seen.update)
    for batch, length in SIZES:
        x = random(batch, length, WIDTH, seed=9)
        (expected,) = ReferenceEvaluator(proto).run(None, {"x": x})
        (result,) = run([x])
        assert max_normalised_error(result, expected) <= CLOSE
    products = [c.rule for name, c in seen.items() if "dense" in name or "matmul" in name]
    assert len(products) == 4
    assert set(products) == {"product"}


@pytest.mark.parametrize("core", CORES)
@settings(max_examples=3, deadline=None)
@given(
    rows=st.integers(4, 40),
    reduced=st.integers(1, 40),
    columns=st.integers(1, 90),
    batch=st.sampled_from([(), (2, 3)]),
    flat=st.booleans(),
)
def test_two_computed_matrices_of_any_size(
    core: str, rows: int, reduced: int, columns: int, batch: tuple[int, ...], flat: bool
) -> None:
    right = (reduced, columns) if flat else (*batch, reduced, columns)
    x = {"x": random(*batch, rows, reduced), "z": random(*right, seed=1)}
    nodes = [
        helper.make_node("MatMul", ["x", "z"], ["p"]),
        helper.make_node("Sigmoid", ["p"], ["y"]),
    ]
    result, choices = compiled(graph(nodes, x, {}, "y"), x, CORES[core])
    assert max_normalised_error(result, exact(nodes, x, {}, "y")) <= CLOSE
    assert [choice.rule for choice in choices.values()] == ["product"], "one kernel"


@pytest.mark.parametrize("core", CORES)
def test_steps_of_one_row_share_the_weights(core: str) -> None:
    x = {"x": random(2, 13, 1, 24)}
    weights = {"w": random(24, 40, seed=1), "b": random(40, seed=2)}
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["p"]),
        helper.make_node("Add", ["p", "b"], ["y"]),
    ]
    result, choices = compiled(graph(nodes, x, weights, "y"), x, CORES[core])
    assert max_normalised_error(result, exact(nodes, x, weights, "y")) <= CLOSE
    (choice,) = choices.values()
    assert choice.rule == "product"
    assert not choice.tile.endswith(" 1 rows")
