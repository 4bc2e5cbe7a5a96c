"""``docs/arm-figures.md``: what is counted and reckoned for ARM cores, as one page."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from typing import Any

from scripts.bench.results import Record, mean

OURS = "tvmedge"
WANTED = 0.9
"""Of the peak, in hot loops of convolutions with windows of 1x1 and 3x3."""

_COUNTS = """\
# ARM cores in figures

Made by `scripts/bench_report.py` from the result files of `scripts/bench_arm.py` and
`scripts/arm_mca.py`; do not edit. Nothing is tuned.

## Instructions of an inference

Millions, counted by QEMU while it imitates a {core}: one thread, float32, the same inputs, outputs
compared with onnxruntime's on this machine. *Ratio*: ours to the better peer's; wanted is 1 at
most. Counts say how much code runs, not how long it takes: they know nothing of caches or waiting.
"""

_CYCLES = """\
## Hot loops by llvm-mca

The innermost loop of each kernel with the most multiply-adds: the share of the core's peak that
llvm-mca (LLVM 19) expects of it. cortex-a57 stands for the a72, neoverse-n1 for the a76. Wanted is
{wanted:.0%} for 1x1 and 3x3 on the cores that reorder; a cortex-a53 waits in order for its loads.
"""


def page(counts: Record, cycles: Record) -> str:
    """The whole page."""
    peers = ", ".join(f"{name} {version}" for name, version in counts["peers"].items())
    rows = counts["models"]
    ratios = {name: value for name, row in rows.items() if (value := ratio(row)) is not None}
    above = [f"{name} {value:.3f}" for name, value in ratios.items() if value > 1]
    parts = [_COUNTS.format(core=counts["core"]), f"Peers: {peers}.\n"]
    parts += [
        f"- {len(ratios)} models, geometric mean {mean(ratios.values()):.3f}, largest "
        f"{max(ratios.values()):.3f}; above 1: {', '.join(above) or 'none'}\n",
        *_count_table(rows, ratios),
        "",
        _CYCLES.format(wanted=WANTED),
        *_cycle_table(cycles["models"]),
        "",
        *_slow_loops(cycles["models"]),
    ]
    return "\n".join(parts) + "\n"


def ratio(row: Mapping[str, Any]) -> float | None:
    """Our instructions over those of the best peer that computes the model."""
    counted = {name: cell["instructions"] for name, cell in row.items() if "failed" not in cell}
    ours = counted.pop(OURS, None)
    return ours / min(counted.values()) if ours and counted else None


def _count_table(rows: Mapping[str, Any], ratios: Mapping[str, float]) -> list[str]:
    names = list(dict.fromkeys(name for row in rows.values() for name in row))
    lines = [_line(["model", *names, "ratio"]), _rule(len(names) + 1)]
    for model, row in rows.items():
        cells = [_millions(row[name]) if name in row else "" for name in names]
        lines.append(_line([model, *cells, f"{ratios[model]:.3f}" if model in ratios else ""]))
    return lines


def _millions(cell: Mapping[str, Any]) -> str:
    if "failed" in cell:
        return "wrong result" if cell["failed"].startswith("wrong") else "does not run"
    return f"{cell['instructions'] / 1e6:,.2f}"


def _cycle_table(models: Mapping[str, Any]) -> list[str]:
    shares: dict[str, dict[str, list[float]]] = {}
    for row in (row for rows in models.values() for row in rows):
        for core, share in row["peak"].items():
            shares.setdefault(_kind(row), {}).setdefault(core, []).append(share)
    cores = list(dict.fromkeys(core for kind in shares.values() for core in kind))
    heads = [f"{core}: {what}" for core in cores for what in ("least", "median", "loops")]
    lines = [_line(["kernel", *heads]), _rule(len(heads))]
    for kind in sorted(shares):
        cells = (cell for core in cores for cell in _cells(shares[kind].get(core, [])))
        lines.append(_line([kind, *cells]))
    return [f"*Loops*: how many of them reach {WANTED:.0%}.\n", *lines]


def _kind(row: Mapping[str, Any]) -> str:
    """Rule and window; only convolutions have windows that say something."""
    rule = row["rule"] or "none"
    return f"{rule} {row['window']}" if rule == "conv" and row["window"] else rule


def _cells(shares: list[float]) -> list[str]:
    if not shares:
        return ["", "", ""]
    reached = sum(share >= WANTED for share in shares)
    return [f"{min(shares):.2f}", f"{statistics.median(shares):.2f}", f"{reached}/{len(shares)}"]


def _slow_loops(models: Mapping[str, Any], core: str = "neoverse-n1") -> list[str]:
    """The loops of 1x1 and 3x3 that miss what is wanted."""
    lines = [f"### 1x1 and 3x3 below {WANTED:.0%} on {core}\n"]
    heads = ["model", "kernel", "window", "tile", "instructions", "multiply-adds", "spills", core]
    lines += [_line(heads), _rule(len(heads) - 1)]
    for model, rows in models.items():
        for row in rows:
            share = row["peak"].get(core, 1.0)
            if row["rule"] == "conv" and row["window"] in ("1x1", "3x3") and share < WANTED:
                cells = [row[key] for key in ("kernel", "window", "tile")]
                cells += [row[key] for key in ("instructions", "multiply_adds", "spills")]
                lines.append(_line([model, *map(str, cells), f"{share:.2f}"]))
    return lines


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _rule(numbers: int) -> str:
    return _line(["---", *["--:"] * numbers])
