"""Whole models in integers: no further from the float model than onnxruntime's int8."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from scripts.model_list import find
from scripts.model_samples import plausible
from scripts.quantise_models import MODELS, SEEDS, quantise
from tests.relax_runs import runner
from tvmedge.compiler.onnxruntime_session import OnnxRuntime
from tvmedge.model.importer import import_model
from tvmedge.model.inputs import parse_inputs
from tvmedge.model.load import load
from tvmedge.targeting.core import Core, DotUnit

CORE = Core(8, 16, integer=DotUnit(8, 16))
OTHERS = (20, 21, 22)  # seeds of inputs that the quantiser did not see


@pytest.mark.slow  # a small network of every form: tests/pipeline/test_quantised.py
@pytest.mark.parametrize("name", MODELS)
def test_error_against_the_float_model(
    name: str,
    model_path: Callable[[str], Path],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    entry, path = find(name), tmp_path / "qdq.onnx"
    quantise(model_path(name), path, [plausible(entry, seed) for seed in SEEDS])
    shapes = [f"{n}:{'x'.join(map(str, spec.shape))}" for n, spec in entry.inputs.items()]
    ours = runner(import_model(load(path), parse_inputs(shapes).shapes).module, CORE)
    exact, theirs = OnnxRuntime(str(model_path(name))), OnnxRuntime(str(path))
    errors = np.zeros(2)
    for seed in (*SEEDS, *OTHERS):
        inputs = plausible(entry, seed)
        (wanted,) = exact.run(exact.outputs, inputs)
        results = (ours(inputs.values())[0], theirs.run(theirs.outputs, inputs)[0])
        errors += [float(np.square(result - wanted).sum()) for result in results]
    assert np.sqrt(errors[0]) <= 1.1 * np.sqrt(errors[1])
    assert "float32" not in caplog.text
