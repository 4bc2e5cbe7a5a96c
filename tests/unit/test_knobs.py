"""What rules ask and who answers."""

from __future__ import annotations

import pytest

from tvmedge.scheduling.knobs import Defaults, Fixed, Knobs, StaleDecisionError, Tracing


def _ask(knobs: Knobs) -> tuple[int, bool, str, int]:
    columns = knobs.pick("columns", (1, 2, 4), 2)
    outside = knobs.pick("outside", (False, True), False)
    order = knobs.pick("order", ("rows", "columns"), "rows")
    return columns, outside, order, knobs.pick("only", (3,), 3)


def test_defaults_are_the_rules_own() -> None:
    assert _ask(Defaults()) == (2, False, "rows", 3)


def test_what_is_traced_can_be_fixed() -> None:
    stored = {"columns": 4, "outside": True, "order": "columns"}
    traced = Tracing(Fixed(stored))
    assert _ask(traced) == (4, True, "columns", 3)
    assert dict(traced.decisions) == stored
    assert [asked.default for asked in traced.asked] == [2, False, "rows"]
    assert traced.asked[0].options == (1, 2, 4)


def test_a_question_younger_than_the_record_has_its_default() -> None:
    knobs = Fixed({"columns": 4})
    assert _ask(knobs) == (4, False, "rows", 3)
    knobs.require_used()


@pytest.mark.parametrize("stored", [{"columns": 3}, {"columns": True}, {"outside": 0}])
def test_an_option_that_is_gone_is_stale(stored: dict[str, int]) -> None:
    with pytest.raises(StaleDecisionError, match=f"{next(iter(stored))} = .* is none of"):
        _ask(Fixed(stored))


def test_a_name_that_is_gone_is_stale() -> None:
    knobs = Fixed({"columns": 4, "rows": 2})
    _ask(knobs)
    with pytest.raises(StaleDecisionError, match="no longer asks for rows"):
        knobs.require_used()
