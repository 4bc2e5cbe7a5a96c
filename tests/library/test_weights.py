"""Which constants leave the code for the weights' file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import helper

from tests.library_runs import Loaded, library_of, same, scheduled, vm_outputs
from tests.onnx_models import model, tensor
from tvmedge.compiler.library.program import Call, Copy, Home, Program, Tensor
from tvmedge.compiler.library.weights import MIN_CONSTANT_BYTES, constants_in_file
from tvmedge.compiler.passes.lift_weights import MIN_BYTES
from tvmedge.model.importer import import_model
from tvmedge.model.load import Model
from tvmedge.targeting import target

SMALL = np.arange(MIN_CONSTANT_BYTES // 4 - 1, dtype=np.float32)
LARGE = np.arange(MIN_CONSTANT_BYTES // 4, dtype=np.float32)


def _program(constants: tuple[np.ndarray, ...], weights: tuple[str, ...] = ()) -> Program:
    """A call of all weights and constants; the last constant is the output as well."""
    places = [Tensor(Home.WEIGHT, index, 8192) for index in range(len(weights))]
    given = [Tensor(Home.CONSTANT, i, array.nbytes) for i, array in enumerate(constants)]
    output = Tensor(Home.OUTPUT, 0, constants[-1].nbytes)
    calls = (Call("kernel", (*places, *given), "lv"),)
    return Program((), (output,), weights, constants, calls, (Copy(given[-1], output),))


def test_large_ones_join_the_weights_and_small_ones_move_up() -> None:
    weight = np.zeros(2048, np.float32)
    program, every = constants_in_file(_program((SMALL, LARGE, SMALL + 1), ("w",)), {"w": weight})
    assert list(every) == list(program.weights) and len(every) == 2
    assert every["w"] is weight and np.array_equal(every[program.weights[1]], LARGE)
    assert [array[0] for array in program.constants] == [0, 1]
    homes = [(x.home, x.index) for x in program.calls[0].arguments]
    assert homes == [
        (Home.WEIGHT, 0),
        (Home.CONSTANT, 0),
        (Home.WEIGHT, 1),
        (Home.CONSTANT, 1),
    ]
    assert (program.copies[0].source.home, program.copies[0].source.index) == (Home.CONSTANT, 1)


def test_equal_ones_are_stored_once() -> None:
    first, every = constants_in_file(_program((LARGE,), ("w",)), {"w": np.zeros(2048, np.float32)})
    again, same_ones = constants_in_file(_program((LARGE,), first.weights), every)
    assert list(same_ones) == list(every) and again.weights == first.weights
    assert again.calls[0].arguments[-1] == Tensor(Home.WEIGHT, 1, LARGE.nbytes)


def test_a_little_model_needs_no_file() -> None:
    few = _program(tuple(LARGE + i for i in range(MIN_BYTES // LARGE.nbytes - 1)))
    assert constants_in_file(few, {}) == (few, {})
    many = _program(tuple(LARGE + i for i in range(MIN_BYTES // LARGE.nbytes)))
    program, every = constants_in_file(many, {})
    assert program.constants == () and len(every) == len(many.constants)
    assert program.copies[0].source.home is Home.WEIGHT


@pytest.mark.parametrize("embedded", [False, True])
def test_results_are_the_vms_wherever_constants_lie(embedded: bool, tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    names = [f"c{i}" for i in range(20)]
    constants = {name: rng.random((i % 4 + 1) * 48, np.float32) for i, name in enumerate(names)}
    nodes = [helper.make_node("Mul", ["x", name], [f"y{name}"]) for name in names]
    outputs = [tensor(f"y{name}", [2, array.size]) for name, array in constants.items()]
    proto = model(nodes, [tensor("x", [2, 1])], outputs, constants)
    net = scheduled(import_model(Model("m", Path("m"), proto, "0", "unknown"), {}), target("host"))
    made = library_of(net)
    assert not net.lifted.weights and len(made.weights) == 10 == len(made.program.constants)
    x = rng.random((2, 1), np.float32)
    got = Loaded(made.sources(embed_weights=embedded), net.spec, tmp_path).run([x])
    assert same(got, vm_outputs(net, [x]))
