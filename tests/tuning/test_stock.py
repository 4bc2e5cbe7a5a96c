"""What TVM cannot search is said, and the next kernel goes on (``test_tune_cli`` searches)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tvm import te

from tvmedge.targeting import target
from tvmedge.tuning.stock import tune_stock


def test_what_metaschedule_raises_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    x = te.placeholder((64,), name="x")
    func = te.create_prim_func([x, te.compute((64,), lambda i: x[i] * 2, name="y")])
    no_processor = replace(target("host"), tvm={"kind": "c"})  # which has no cores to count
    assert tune_stock(func, no_processor, 16, seed=0) == []
    assert "MetaSchedule gave up after 0 trials: Unknown config option" in caplog.text
