"""The committed result: JSON with every case, and a page of what does not pass."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from scripts import machine
from scripts.suite.judge import OURS, OUTCOMES, PASS, RUNTIMES, Verdict

_PACKAGES = ("apache-tvm", "apache-tvm-ffi", "onnx", "onnxruntime", "onnxscript", "numpy")
_LONGEST_REASON = 160


@dataclass(frozen=True)
class Row:
    """A case with its verdict by runtime; ``excluded_as`` is empty for a core case."""

    name: str
    kind: str
    operator: str
    excluded_as: str
    verdicts: Mapping[str, Verdict]


def counts(rows: Iterable[Row], runtime: str) -> dict[str, int]:
    """How many cases had each outcome."""
    found = Counter(row.verdicts[runtime].outcome for row in rows)
    return {outcome: found[outcome] for outcome in OUTCOMES}


def as_json(rows: list[Row], command: str, seconds: float) -> str:
    """One line a case, so that a change is a readable diff."""
    core = [row for row in rows if not row.excluded_as]
    head = {
        "command": command,
        "machine": machine.describe(_PACKAGES),
        "seconds": round(seconds),
        "core": {"cases": len(core)} | {name: counts(core, name) for name in RUNTIMES},
        "all": {"cases": len(rows)} | {name: counts(rows, name) for name in RUNTIMES},
        "bound": sum(
            bool(row.verdicts[OURS].bound) and row.verdicts[OURS].outcome == PASS for row in rows
        ),
    }
    cases = ",\n".join("  " + json.dumps(_entry(row)) for row in rows)
    return json.dumps(head, indent=1)[:-2] + f',\n "cases": [\n{cases}\n ]\n}}\n'


def as_markdown(rows: list[Row], head: Mapping[str, Any]) -> str:
    """Counts, then what is not passing by operator and reason."""
    measured_on = head["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in measured_on["packages"].items())
    lines = [
        "# ONNX's backend suite through tvmedge",
        "",
        f"`{head['command']}` on {measured_on['cpu']}, Python {measured_on['python']}; {versions}; "
        f"{head['seconds']} s.",
        "Which cases are core, and what an outcome means: [docs/onnx.md](../../docs/onnx.md).",
        "",
        f"| cases | runtime | {' | '.join(OUTCOMES)} |",
        f"|---|---|{'---|' * len(OUTCOMES)}",
    ]
    for group in ("core", "all"):
        for runtime in RUNTIMES:
            numbers = " | ".join(str(head[group][runtime][outcome]) for outcome in OUTCOMES)
            lines.append(f"| {group}: {head[group]['cases']} | {runtime} | {numbers} |")
    lines += [
        "",
        f"{head['bound']} that we pass needed inputs that are really attributes as constants.",
    ]
    for title, excluded in (("Core", False), ("Not core", True)):
        chosen = [row for row in rows if bool(row.excluded_as) is excluded]
        lines += ["", f"## {title} cases that do not pass", "", *_table(chosen)]
    return "\n".join(lines) + "\n"


def _table(rows: list[Row]) -> list[str]:
    groups: dict[tuple[str, str, str], list[Row]] = defaultdict(list)
    for row in rows:
        verdict = row.verdicts[OURS]
        if verdict.outcome != PASS:
            groups[row.operator, verdict.outcome, _plain(verdict.reason)].append(row)
    lines = ["| operator | cases | outcome | onnxruntime passes | reason | for example |"]
    lines.append("|---|---|---|---|---|---|")
    for (operator, outcome, reason), found in sorted(groups.items()):
        theirs = sum(row.verdicts["onnxruntime"].outcome == PASS for row in found)
        shown = outcome if outcome == "refused" else f"**{outcome}**"
        lines.append(
            f"| {operator} | {len(found)} | {shown} | {theirs} | {reason} | {found[0].name} |"
        )
    return lines


def _plain(reason: str) -> str:
    """A reason for a cell of a table, without what differs from case to case."""
    text = reason.removeprefix("Model 'model.onnx'").strip(" :").replace("|", "\\|")
    text = text.partition(": '")[0]
    return text if len(text) <= _LONGEST_REASON else text[: _LONGEST_REASON - 3] + "..."


def _entry(row: Row) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": row.name, "kind": row.kind, "op": row.operator}
    if row.excluded_as:
        entry["not_core"] = row.excluded_as
    for runtime, verdict in row.verdicts.items():
        entry[runtime] = verdict.outcome
        if verdict.reason:
            entry[f"{runtime}_reason"] = verdict.reason
        if verdict.bound:
            entry["bound"] = list(verdict.bound)
    return entry
