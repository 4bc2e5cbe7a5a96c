"""``compile --explain``: how each kernel was scheduled, as a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tvmedge.scheduling.engine import Choice

LAST = "last"  # the rule that takes what no other took


def explained(choices: Mapping[str, Choice]) -> str:
    """A line for each kernel, then how many each rule took and what fell to the last."""
    width = max(map(len, choices), default=0)
    lines = [
        f"  {name:{width}}  {choice.rule:8}  {choice.tile}{_peak(choice)}".rstrip()
        for name, choice in sorted(choices.items())
    ]
    counts = Counter(choice.rule for choice in choices.values())
    lines.append("  by rule: " + ", ".join(f"{rule} {n}" for rule, n in counts.most_common()))
    if last := sorted(name for name, choice in choices.items() if choice.rule == LAST):
        lines.append("  fell to the last rule: " + ", ".join(last))
    return "\n".join(lines)


def _peak(choice: Choice) -> str:
    return "" if choice.peak is None else f", {choice.peak:.0%} of the core's peak expected"
