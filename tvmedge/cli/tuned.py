"""What ``compile`` says of the records that it applied, and of those that it refused."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tvmedge.scheduling.recorded import Applied

_SHOWN = 3


def tuned_lines(kernels: int, applied: Applied) -> list[str]:
    """``12 of 31 kernels tuned, 19 by default rules``, then a line for each reason why
    records were refused."""
    tuned = len(applied.records)
    costs = Counter(record.key.cost for record in applied.records.values())
    by = ", ".join(f"{name} {count}" for name, count in sorted(costs.items()))
    measured = f" (by {by})" if by else ""
    rest = kernels - tuned
    lines = [f"{tuned} of {kernels} kernels tuned{measured}, {rest} by default rules"]
    if applied.answers:
        lines.append(f"{len(applied.answers)} choices among algorithms by records")
    reasons: dict[str, list[str]] = {}
    for kernel, why in sorted(applied.refused.items()):
        reasons.setdefault(why, []).append(kernel)
    for why, names in sorted(reasons.items()):
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        lines.append(f"records refused, {why}: {', '.join(names[:_SHOWN])}{more}")
    return lines


def tuned_document(applied: Applied) -> dict[str, Any]:
    """The same for ``--json``, of every kernel."""
    return {
        "sha256": applied.sha256,
        "applied": {
            kernel: {"rule": r.rule, "decisions": dict(r.decisions), "cost_source": r.key.cost}
            for kernel, r in sorted(applied.records.items())
        },
        "answers": {
            question: {"answer": r.decisions[0][1], "cost_source": r.key.cost}
            for question, r in sorted(applied.answers.items())
        },
        "refused": dict(sorted(applied.refused.items())),
    }
