"""``docs/library-figures.md``: the result file of ``scripts/bench_library.py`` as one page."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from scripts.bench.contestants import OURS
from scripts.bench.results import Record, mean
from tvmedge.targeting import target as spec_of

_LIBRARY, _VM, _SDK, *_ = OURS
_INTRODUCTION = """\
# Freestanding libraries in figures

Made by `scripts/bench_library.py`; do not edit. Models are all of `scripts/models.toml` that can be
libraries.

"""

_LATENCY = """\
## Latency on this machine

Least ms of many runs in turns, pinned, on the same inputs, outputs checked; *tvmedge-vm* is the
same kernels under TVM's VM, *to best* the library's time over the best other runtime's. *load* is
the machine's load average when they started; where it is not about 1, others worked, with one
thread on the other core only: the runs had one to themselves. Medians are in the result file.
"""

_FIRST = """\
## What an app ships and pays

One thread. *Beside the model*: the shared libraries that are in use by the first result and are not
Python's, NumPy's or the system's. A runtime's are the same for every model and hold its Python
binding, too; ours are the model's own code, and there is no runtime. *Peak memory* is the growth of
VmHWM, *first result* the time from before the runtime is imported to outputs in NumPy arrays, the
quickest of three fresh processes with files in the page cache. Ours maps its weights; to compare
their sha256, which others do not do, takes the time in parentheses more.
"""

WANTED = 0.95
"""Of the VM's time, with one thread."""

_SIZES = """\
## What a library consists of: {target}

One thread, kB (1,000 bytes). *Bound* is the most that is alive at once; *TVM* what
StaticPlanBlockMemory plans for the same kernels, with the largest scratch of a kernel.{more}
"""

_ARCHIVE = """ The
library is an archive: what is more in it than code and constants is for the linker, and no program
gets it. Only models of up to 5 MB were tried."""


def page(report: Record) -> str:
    """The whole page."""
    known = [record for record in report["models"] if "failed" not in record.get("sizes", {})]
    parts = [_INTRODUCTION, _machine(report), "", *_summary(known), "", _LATENCY, *_latency(known)]
    parts += ["", _FIRST, *_first(known)]
    targets = dict.fromkeys(name for record in known for name in record.get("sizes", {}))
    for target in targets:
        rows = [r for r in known if target in r.get("sizes", {})]
        more = "" if spec_of(target).toolchain.loader else _ARCHIVE
        parts += ["", _SIZES.format(target=target, more=more), *_size_table(rows, target)]
    others = [r for r in report["models"] if "failed" in r.get("sizes", {})]
    if others:
        parts += ["", "## No libraries", ""]
        parts += [f"- {record['model']}: {record['sizes']['failed']}" for record in others]
    return "\n".join(parts) + "\n"


def _machine(report: Record) -> str:
    measured = report["machine"]
    pins = sorted({pin for pins in report["runtimes"].values() for pin in pins})
    packages = [f"{name} {version}" for name, version in measured["packages"].items()]
    versions = [*packages, *(pin.replace("==", " ") for pin in pins)]
    return f"{measured['cpu']}; Python {measured['python']}, {', '.join(versions)}."


def _summary(records: list[Record]) -> list[str]:
    lines = []
    for threads in (1, 2):
        times = [_fastest(record, threads) for record in records]
        peers = sorted({name for known in times for name in known} - {*OURS})
        compared = {f"{name}'s": [name] for name in (_VM, *peers)} | {"the best other's": peers}
        for title, others in compared.items():
            ratios = [ratio for known in times if (ratio := _over(known, others)) is not None]
            if ratios:
                lines.append(
                    f"- {threads} thread{'s' * (threads > 1)}: {mean(ratios):.2f} of {title} time "
                    f"(geometric mean of {len(ratios)} models, {min(ratios):.2f} to "
                    f"{max(ratios):.2f}{_reached(ratios) if others == [_VM] else ''})"
                )
    for key, what in (("bytes", "bytes"), ("rss_kib", "peak memory"), ("cold_ms", "time")):
        firsts = [record["first"] for record in records if "first" in record]
        best = [first for first in firsts if _least(first, key) == _SDK]
        lines.append(f"- First result: least {what} in {len(best)} of {len(firsts)} models")
    sizes = [s for r in records for s in r.get("sizes", {}).values()]
    ratios = [s["workspace_bytes"] / s["bound_bytes"] for s in sizes if s["bound_bytes"]]
    if ratios:
        over = sum(ratio > 1.05 for ratio in ratios)
        lines.append(
            f"- Workspace over its lower bound: {max(ratios):.3f} at most, {over} of {len(ratios)} "
            "above 1.05"
        )
    return lines


def _reached(ratios: list[float]) -> str:
    return f"; {sum(ratio <= WANTED for ratio in ratios)} at {WANTED} or less"


def _fastest(record: Record, threads: int) -> dict[str, float]:
    """The least milliseconds by contestant."""
    run = record["runs"].get(str(threads), {})
    return {name: row["min_ms"] for name, row in run.items() if "min_ms" in row}


def _least(first: dict[str, Any], key: str) -> str:
    values = {name: row[key] for name, row in first.items() if key in row}
    return min(values, key=lambda name: values[name])


def _latency(records: list[Record]) -> list[str]:
    parts = []
    for threads in (1, 2):
        raced = [record for record in records if str(threads) in record["runs"]]
        if not raced:
            continue
        names = list(dict.fromkeys(n for record in raced for n in record["runs"][str(threads)]))
        rows = []
        for record in raced:
            times = _fastest(record, threads)
            cells = [_short(times[name]) if name in times else "-" for name in names]
            ratios = [_over(times, [_VM]), _over(times, [n for n in names if n not in OURS])]
            cells += ["-" if ratio is None else f"{ratio:.2f}" for ratio in ratios]
            rows.append([record["model"], *cells, str(record["load"][str(threads)])])
        plural = "s" * (threads > 1)
        heads = ["model", *names, "to VM", "to best", "load"]
        parts += ["", f"### Milliseconds, {threads} thread{plural}", "", *_table(heads, rows)]
    return parts


def _over(times: dict[str, float], others: list[str]) -> float | None:
    """The library's time over the least of ``others``; None where one of them is missing."""
    known = [times[name] for name in others if name in times]
    return times[_LIBRARY] / min(known) if known and _LIBRARY in times else None


def _first(records: list[Record]) -> list[str]:
    measured = [record for record in records if "first" in record]
    names = dict.fromkeys(name for record in measured for name in record["first"])
    parts = []
    for title, key, unit in (
        ("Beside the model, kB", "bytes", 1e3),
        ("Peak memory, MB", "rss_kib", 1e6 / 1024),
        ("First result, ms", "cold_ms", 1.0),
    ):
        rows = []
        for record in measured:
            least = _least(record["first"], key)
            cells = [record["model"]]
            for name in names:
                row = record["first"].get(name, {})
                text = _short(row[key] / unit) if key in row else "-"
                text += (
                    f" ({_short(row['check_ms'])})"
                    if key == "cold_ms" and row.get("check_ms")
                    else ""
                )
                cells.append(f"**{text}**" if name == least else text)
            rows.append(cells)
        parts += [f"### {title}", "", *_table(["model", *names], rows), ""]
    return parts


def _size_table(records: list[Record], target: str) -> list[str]:
    heads = ["model", "kernels", "driver", "constants", "whole library", "weights"]
    heads += ["workspace", "bound", "TVM"]
    keys = ["kernels_bytes", "driver_bytes", "constants_bytes", "library_bytes", "weights_bytes"]
    keys += ["workspace_bytes", "bound_bytes", "vm_bytes"]
    rows = []
    for record in records:
        found = record["sizes"][target]
        cells = ["-" if found[key] is None else _short(found[key] / 1e3) for key in keys]
        rows.append([record["model"], *cells])
    return _table(heads, rows)


def _table(heads: list[str], rows: Iterable[list[str]]) -> list[str]:
    lines = [heads, ["---", *["--:"] * (len(heads) - 1)], *rows]
    return [f"| {' | '.join(line)} |" for line in lines]


def _short(value: float) -> str:
    """Three digits that count."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
