"""Recurrent layers in tiles for every core, against ONNX's equations in float64."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cpu_kernels import CORES
from tests.relax_runs import runner
from tests.rnn_cases import Case
from tvmedge.compiler.passes.fit_recurrent import fitting
from tvmedge.model.converters.rnn import LANES, Layer, Share, Tile, layer_of
from tvmedge.model.importer import import_model
from tvmedge.model.load import Model
from tvmedge.scheduling.engine import Choice
from tvmedge.targeting.core import Core
from tvmedge.tensors import max_normalised_error

CLOSE = 1e-5
NOTHING_STAYS = {"l2_kib": 1, "cores": 2}  # so little cache that any weights overflow it


def _imported(case: Case) -> object:
    return import_model(Model("m", Path("m.onnx"), case.model(), "0", "unknown"), {}).module


def _layer(case: Case) -> Layer:
    found = [layer_of(f) for _, f in _imported(case).functions_items() if hasattr(f, "body")]
    return next(layer for layer in found if layer is not None)


def _tile(case: Case, core: Core) -> Tile:
    return fitting(_layer(case), core)[0]


def _check(case: Case, core: Core) -> None:
    seen: dict[str, Choice] = {}
    got = runner(_imported(case), core, seen.update)([case.inputs()["X"]])
    for ours, want in zip(got, case.expected(), strict=True):
        assert max_normalised_error(ours, want) <= CLOSE
    assert "recurrent" in {choice.rule for choice in seen.values()}


@st.composite
def layers(draw: st.DrawFn) -> Case:
    """Layers of every operator, of one row and of several."""
    return Case(
        draw(st.sampled_from(["LSTM", "GRU", "RNN"])),
        steps=3,
        batch=draw(st.sampled_from([1, 2, 6, 7])),
        hidden=draw(st.sampled_from([5, 16, 33, 64])),
        direction=draw(st.sampled_from(["forward", "reverse", "bidirectional"])),
        layout=draw(st.sampled_from([0, 1])),
        flag=draw(st.booleans()),
        optional=("B",),
    )


@pytest.mark.parametrize("core", CORES)
@settings(max_examples=2, deadline=None)
@given(case=layers(), narrow=st.booleans())
def test_layers_of_any_size(core: str, case: Case, narrow: bool) -> None:
    _check(case, replace(CORES[core], **NOTHING_STAYS) if narrow else CORES[core])


@pytest.mark.parametrize("core", CORES)
def test_rows_of_a_batch_share_a_pass_over_the_weights(core: str) -> None:
    case = Case("LSTM", batch=32, hidden=192, direction="bidirectional", optional=("B",))
    tile = _tile(case, CORES[core])
    assert tile.together == 32
    assert tile.rows > 1
    one = _tile(replace(case, batch=1), CORES[core])
    assert (one.rows, one.lanes) == (1, LANES)


def test_threads_share_a_step_where_weights_overflow_and_nobody_has_a_row() -> None:
    core = replace(CORES["avx512"], cores=2, l2_kib=2048)
    case = Case("LSTM", batch=1, hidden=512, optional=("B",))
    assert _tile(case, core).share is Share.UNITS
    assert _tile(replace(case, hidden=256), core).share is Share.ROWS
    both = _tile(replace(case, direction="bidirectional"), core)
    assert both.share is Share.ROWS
    assert both.there_and_back


def test_rows_of_different_lengths_are_not_taken_together() -> None:
    case = Case("LSTM", batch=8, hidden=64, optional=("B", "sequence_lens"))
    assert _tile(case, CORES["avx512"]).together == 1
