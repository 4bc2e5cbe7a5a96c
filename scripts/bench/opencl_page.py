"""What ``bench_opencl.py`` measured, as lines and as a page."""

from __future__ import annotations

from typing import Any

from scripts.bench.contestants import ON_OPENCL
from scripts.bench.opencl_code import COLUMNS
from scripts.bench.results import Record, mean

OURS, UPSTREAM = ON_OPENCL
_CPU = "tvmedge"
_INTRODUCTION = """\
# Kernels for Mali in figures

Written by `scripts/bench_opencl.py` from `scripts/results/bench_opencl.json`, which has every
kernel's mix. There is no Mali here: kernels are those of `host-opencl`, shaped as for a small Mali,
and run by PoCL on one core of this machine's CPU. Times compare kernels with kernels on that driver
and say nothing about a GPU. *Upstream* is TVM 0.27's own importer and default pipeline for the same
target, under the same OpenCL runtime (ours: its wheel has none), its copies of inputs and outputs
counted like ours. A first run builds every kernel.
"""


def line(record: Record) -> str:
    """What a terminal shows of a model."""
    cells = [f"{record['model']:20}"]
    for name, code in record["code"].items():
        cells.append(f"{name}: {code['kernels']} kernels, {code['source_bytes'] / 1e3:.0f} KB")
    for name, row in record.get("runs", {}).items():
        cells.append(f"{name} {_run(row)}")
    return "  ".join(cells)


def page(report: Record) -> str:
    """The whole page."""
    records = report["models"]
    timed = [record for record in records if "runs" in record]
    parts = [_INTRODUCTION, *_summary(records), "", "## Code", "", *_code(records)]
    parts += ["", "## Instructions", "", _MIX, "", *_mixes(records)]
    parts += ["", "## Time", "", _ALONE, *_earlier(timed), ""]
    parts += _times(timed)
    parts += ["", "Left out: " + "; ".join(_failures(records)) + "."] if _failures(records) else []
    return "\n".join(parts) + "\n"


_MIX = (
    "Sums over a model's kernels, ours / upstream's, of instructions in the LLVM IR that clang "
    "makes for `spir64` at -O2. Loops are not weighed: it shows what kernels consist of, not how "
    "long they run."
)


_ALONE = (
    "Milliseconds, medians on one core that nothing else ran on (*load* is the machine's other "
    "core's, too); *first*: seconds."
)


def _earlier(timed: list[Record]) -> list[str]:
    """What is said of times that are older than the code."""
    old = [record["model"] for record in timed if record.get("timed") != record.get("made")]
    return ["", f"Times are of earlier sources than the code: {', '.join(old)}."] if old else []


def _summary(records: list[Record]) -> list[str]:
    lines = []
    for what, ratios in (
        ("warm time", [x for r in records if (x := _ratio(r.get("runs", {}), "median_ms"))]),
        ("source", [x for r in records if (x := _ratio(r["code"], "source_bytes"))]),
    ):
        if ratios:
            lines.append(
                f"- upstream's {what} over ours: geometric mean {mean(ratios):.1f}, from "
                f"{min(ratios):.1f} to {max(ratios):.1f} ({len(ratios)} models)"
            )
    return lines


def _ratio(rows: dict[str, Any], key: str) -> float | None:
    ours, theirs = rows.get(OURS, {}), rows.get(UPSTREAM, {})
    return theirs[key] / ours[key] if key in ours and key in theirs else None


def _code(records: list[Record]) -> list[str]:
    heads = ["model", "kernels", "source, KB", "with `__local`", "with vector loads"]
    keys = ("kernels", "source_bytes", "local", "vector_loads")
    return _table(heads, [[r["model"], *(_both(r["code"], key) for key in keys)] for r in records])


def _both(rows: dict[str, Any], key: str) -> str:
    scale = 1e3 if key == "source_bytes" else 1
    return " / ".join(
        f"{rows[name][key] / scale:.0f}" if name in rows else "-" for name in ON_OPENCL
    )


def _mixes(records: list[Record]) -> list[str]:
    rows = []
    for record in records:
        sums = {name: _sums(code["mix"]) for name, code in record["code"].items()}
        cells = [
            " / ".join(str(sums[name][place]) if name in sums else "-" for name in ON_OPENCL)
            for place in range(len(COLUMNS))
        ]
        rows.append([record["model"], *cells])
    return _table(["model", *(column.replace("_", " ") for column in COLUMNS)], rows)


def _sums(mix: dict[str, str]) -> list[int]:
    rows = [[int(value) for value in text.split()] for text in mix.values()]
    return [sum(column) for column in zip(*rows, strict=True)]


def _times(records: list[Record]) -> list[str]:
    heads = ["model", "ours", "upstream", "ratio", "our CPU path", "first, ours", "first, upstream"]
    heads += ["error, ours", "error, upstream", "load"]
    rows = []
    for record in records:
        run = record["runs"]
        ratio = _ratio(run, "median_ms")
        firsts = [_cell(run, name, "cold_ms", 1e-3) for name in ON_OPENCL]
        errors = [f"{run[n]['error']:.0e}" if "error" in run.get(n, {}) else "" for n in ON_OPENCL]
        times = [_cell(run, name, "median_ms", 1) for name in ON_OPENCL]
        times += [f"{ratio:.1f}" if ratio else "", _cell(run, _CPU, "median_ms", 1)]
        rows.append([record["model"], *times, *firsts, *errors, f"{record['load']}"])
    return _table(heads, rows)


def _cell(run: dict[str, Any], name: str, key: str, scale: float) -> str:
    return f"{run[name][key] * scale:.2f}" if key in run.get(name, {}) else "-"


def _failures(records: list[Record]) -> list[str]:
    found = []
    for record in records:
        for name, row in (*record["forms"].items(), *record.get("runs", {}).items()):
            if "failed" in row:
                found.append(f"{record['model']}, {name}: {row['failed']}")
    return found


def _run(row: dict[str, Any]) -> str:
    return row["failed"] if "failed" in row else f"{row['median_ms']:.2f} ms ({row['error']:.0e})"


def _table(heads: list[str], rows: list[list[str]]) -> list[str]:
    lines = [heads, ["---", *["--:"] * (len(heads) - 1)], *rows]
    return [f"| {' | '.join(cells)} |" for cells in lines]
