"""What becomes of one case at one runtime."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from onnx.backend.base import Backend
from onnx.backend.test.runner import Runner

from scripts.suite.backend import TvmEdgeBackend
from scripts.suite.binding import bind
from scripts.suite.cases import Case
from scripts.suite.onnxruntime_backend import OnnxRuntimeBackend
from tvmedge.errors import InputError

PASS, REFUSED, WRONG = "pass", "refused", "wrong"
ERROR, CRASH, TIMEOUT = "error", "crash", "timeout"
OUTCOMES = (PASS, REFUSED, WRONG, ERROR, CRASH, TIMEOUT)
OURS, THEIRS = "tvmedge", "onnxruntime"
RUNTIMES = (OURS, THEIRS)

_LONGEST = {OURS: 400, THEIRS: 120}
_TEMPORARY = re.compile(r"/\S*/tvmedge-suite-[^/]+/")


@dataclass(frozen=True)
class Verdict:
    """``outcome`` is one of OUTCOMES: an InputError of ours, and any exception of
    onnxruntime's, is a refusal; another exception of ours is an error. ``bound``
    names the inputs that had to be constants."""

    outcome: str
    reason: str = ""
    bound: tuple[str, ...] = ()


def judge(case: Case, runtime: str, bindable: tuple[str, ...]) -> Verdict:
    """Run ``case``; where tvmedge refuses it, again with ``bindable`` inputs as constants."""
    if runtime == THEIRS:
        return _verdict(case, OnnxRuntimeBackend, (), Exception, runtime)
    verdict = _verdict(case, TvmEdgeBackend, (), InputError, runtime)
    if verdict.outcome == REFUSED and bindable:
        return _verdict(case, TvmEdgeBackend, bindable, InputError, runtime)
    return verdict


def short(text: str, runtime: str) -> str:
    """One line of bounded length that is the same in every run."""
    line = " ".join(_TEMPORARY.sub("", text).split())
    longest = _LONGEST[runtime]
    return line if len(line) <= longest else line[: longest - 3] + "..."


def _verdict(
    case: Case,
    backend: type[Backend],
    bound: tuple[str, ...],
    refusal: type[Exception],
    runtime: str,
) -> Verdict:
    try:
        for inputs, outputs in case.data_sets:
            names = [info.name for info in case.model.graph.input]
            sample = dict(zip(names, inputs, strict=False))
            constants = {name: sample.pop(name) for name in bound}
            got = _run(backend, bind(case.model, constants), sample)
            try:
                Runner.assert_similar_outputs(outputs, got, case.rtol, case.atol)
            except AssertionError as difference:
                return Verdict(WRONG, short(str(difference), runtime), bound)
    except refusal as error:
        return Verdict(REFUSED, short(str(error), runtime), bound)
    except Exception as error:
        text = short(f"{type(error).__name__}: {error}", runtime)
        return Verdict(ERROR, text, bound)
    return Verdict(PASS, "", bound)


def _run(backend: type[Backend], model: Any, sample: Mapping[str, Any]) -> list[Any]:
    prepared = backend.prepare(model, "CPU", sample=sample)
    assert prepared is not None
    return list(prepared.run(list(sample.values())))
