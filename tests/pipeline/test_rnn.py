"""LSTM, GRU and RNN compiled, against ONNX's equations and onnxruntime."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import HealthCheck, given, settings
from numpy.typing import NDArray

from tests.onnx_models import save
from tests.relax_runs import runner
from tests.rnn_cases import Case, cases
from tvmedge.compiler.build import schedule, vm_code
from tvmedge.errors import InputError
from tvmedge.model.importer import import_model
from tvmedge.model.inputs import OpenDim, Shapes
from tvmedge.model.load import load
from tvmedge.targeting import target

Arrays = list[NDArray[Any]]


def _compile(
    proto: onnx.ModelProto, folder: Path, shapes: Shapes | None = None
) -> Callable[[Arrays], Arrays]:
    """The model for this machine, to run in this process."""
    module = import_model(load(save(proto, folder / "m.onnx")), shapes or {}).module
    return runner(module)


def _inputs(case: Case, proto: onnx.ModelProto) -> Arrays:
    tensors = case.inputs()
    return [tensors[value.name] for value in proto.graph.input]


def _check(case: Case, folder: Path, tolerance: float = 2e-5) -> None:
    proto = case.model()
    _compare(_compile(proto, folder)(_inputs(case, proto)), case, tolerance)


def _compare(got: Arrays, case: Case, tolerance: float) -> None:
    for ours, want in zip(got, case.expected(), strict=True):
        assert ours.dtype == case.dtype
        # Activations without bounds let values grow, and the errors of float32 with them.
        peak = max(1.0, np.abs(want).max())
        np.testing.assert_allclose(ours, want, rtol=tolerance, atol=tolerance * peak)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(case=cases())
def test_any_layer_computes_what_onnx_says(case: Case, tmp_path: Path) -> None:
    _check(case, tmp_path)


FULL = ("B", "sequence_lens", "initial_h")


@pytest.mark.parametrize(
    "case",
    [
        Case("LSTM", optional=(*FULL, "initial_c", "P"), direction="bidirectional", layout=1),
        Case("LSTM", optional=("B",), flag=True, clip=0.5, direction="reverse"),
        Case("LSTM", optional=("B",), hidden=130, steps=3, weights=False),
        Case("GRU", optional=FULL, direction="bidirectional", flag=True),
        Case("GRU", optional=FULL, direction="reverse", layout=1, outputs=1),
        Case("RNN", optional=FULL, direction="bidirectional", clip=0.3),
        Case("LSTM", optional=(*FULL, "P"), dtype="float64"),
    ],
    ids=lambda case: f"{case.op}-{case.direction}-{case.dtype}",
)
def test_layers_of_every_kind(case: Case, tmp_path: Path) -> None:
    _check(case, tmp_path, 1e-12 if case.dtype == "float64" else 2e-5)


def test_float16_is_computed_in_float32(tmp_path: Path) -> None:
    _check(Case("GRU", optional=FULL, dtype="float16", steps=9), tmp_path, 2e-3)


@pytest.mark.parametrize("op", ["LSTM", "GRU", "RNN"])
@pytest.mark.parametrize("flag", [False, True])
@pytest.mark.parametrize("clip", [None, 0.4])
def test_the_equations_are_onnxruntimes_too(op: str, flag: bool, clip: float | None) -> None:
    case = Case(op, optional=FULL, flag=flag, clip=clip, direction="bidirectional", steps=9)
    session = onnxruntime.InferenceSession(
        case.model(opset=17).SerializeToString(), providers=["CPUExecutionProvider"]
    )
    tensors = case.inputs()
    got = session.run(None, {value.name: tensors[value.name] for value in session.get_inputs()})
    for theirs, want in zip(got, case.expected(), strict=True):
        np.testing.assert_allclose(theirs, want, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("layout", [0, 1])
def test_steps_and_batch_may_stay_open(layout: int, tmp_path: Path) -> None:
    case = Case("LSTM", optional=FULL, direction="bidirectional", layout=layout, weights=False)
    proto = case.model()
    steps, batch = OpenDim("T"), OpenDim("N")
    shapes: Shapes = {
        "X": (batch, steps, 3) if layout else (steps, batch, 3),
        "sequence_lens": (batch,),
        "initial_h": (batch, 2, 5) if layout else (2, batch, 5),
    }
    for value in proto.graph.input:
        for axis, dim in enumerate(shapes.get(value.name, ())):
            if isinstance(dim, OpenDim):
                value.type.tensor_type.shape.dim[axis].dim_param = dim.symbol
    run = _compile(proto, tmp_path, shapes)
    for size in (case, replace(case, steps=7, batch=1)):
        _compare(run(_inputs(size, proto)), size, 2e-5)


def test_not_a_number_and_infinity_are_kept(tmp_path: Path) -> None:
    case = Case("LSTM", optional=("B",), batch=3, steps=2)
    proto, x = case.model(), case.inputs()["X"]
    x[0, 0, 0], x[0, 1, 0] = np.nan, np.inf
    y, _, _ = _compile(proto, tmp_path)([x])
    assert np.isnan(y[:, :, 0]).all()
    assert np.isfinite(y[:, :, 1:]).all()


@pytest.mark.parametrize("op", ["LSTM", "GRU"])
def test_states_that_count_for_nothing_become_zero(op: str, tmp_path: Path) -> None:
    """Halved a few times more, they would be subnormal, which x86 multiplies very slowly."""
    states = ("initial_h", "initial_c") if op == "LSTM" else ("initial_h",)
    case = Case(op, steps=1, weights=False, optional=states)
    proto = case.model()
    inputs = dict.fromkeys(case.inputs())
    run = _compile(proto, tmp_path)
    for state, vanishes in ((1e-25, True), (1e-20, False)):
        for name, array in case.inputs().items():
            inputs[name] = np.full_like(array, state if name in states else 0)
        after = run([inputs[value.name] for value in proto.graph.input])[-1]
        np.testing.assert_allclose(after, 0 if vanishes else state / 2, rtol=1e-6)


def test_time_and_code_do_not_grow_with_the_sequence(tmp_path: Path) -> None:
    sizes = []
    for steps in (10, 1000):
        case = Case("LSTM", steps=steps, hidden=64, optional=("B",))
        started = time.monotonic()
        imported = import_model(load(save(case.model(), tmp_path / "m.onnx")), {})
        sizes.append(len(vm_code(schedule(imported.module, target("host")), target("host")).file))
        assert time.monotonic() - started < 10
    assert abs(sizes[1] - sizes[0]) <= 0.05 * sizes[0]


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({"activations": ["Affine"]}, "affine needs activation_alpha"),
        ({"activations": ["Sine"]}, "unknown activation function 'sine'"),
        ({"activations": ["Tanh", "Tanh"]}, "2 activation functions where 1"),
        ({"activations": ["Elu"], "activation_alpha": [1.0, 2.0]}, None),
        ({"activations": ["Tanh"], "activation_alpha": [1.0]}, None),
        ({"clip": -1.0}, "clip is -1"),
        ({"hidden_size": 7}, "hidden_size is 7, but R is for 5"),
        ({"direction": "bidirectional"}, "W has shape 1x5x3 where 2x5x3 is needed"),
        ({"direction": "sideways"}, "direction 'sideways'"),
    ],
)
def test_what_is_not_defined_is_refused(
    attributes: dict[str, Any], reason: str | None, tmp_path: Path
) -> None:
    proto = Case("RNN", optional=("B",)).model()
    node = proto.graph.node[0]
    kept = [a for a in node.attribute if a.name not in attributes]
    del node.attribute[:]
    node.attribute.extend(kept)
    node.attribute.extend(onnx.helper.make_attribute(k, v) for k, v in attributes.items())
    if reason is None:
        import_model(load(save(proto, tmp_path / "m.onnx")), {})
        return
    with pytest.raises(InputError) as caught:
        import_model(load(save(proto, tmp_path / "m.onnx")), {})
    assert reason in str(caught.value)
