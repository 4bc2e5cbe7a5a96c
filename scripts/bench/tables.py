"""Results of models as lines on a terminal and as tables of Markdown."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from scripts.bench.models import KINDS, OTHER
from scripts.bench.results import Record, medians, ratio, summary


def line(record: Record, threads: int) -> str:
    """What a terminal shows of a model as soon as it is measured."""
    cells = [
        f"{name} ({row['failed'][:40]})"
        if "failed" in row
        else f"{name} {row['median_ms']:.3f} ({row['p10_ms']:.3f}-{row['p90_ms']:.3f})"
        for name, row in record["runs"][str(threads)].items()
    ]
    value = ratio(record, threads)
    return "  ".join(
        [f"{record['model']:28} {threads}:", *cells, f"ratio {value:.2f}" if value else ""]
    )


def markdown(report: Record) -> str:
    """What the models took."""
    names = list(report["contestants"])
    threads = sorted({int(key) for record in report["models"] for key in record["runs"]})
    parts = [f"- {line}" for line in summary(report)]
    for count in threads:
        parts += ["", f"### Milliseconds, {count} thread{'s' * (count > 1)}", ""]
        parts += ["Median (10th to 90th percentile), the best bold; *ratio*: to the best peer.", ""]
        parts += _table(report, [*names, "ratio"], partial(_times, names=names, threads=count))
    values = partial(_values, names=names, threads=min(threads, default=1))
    parts += ["", "### Cold start, ms", "", "Load to first result; runtimes are imported.", ""]
    parts += _table(report, names, partial(values, key="cold_ms", unit=1.0))
    parts += ["", "### Peak memory, MB", "", "Growth of VmHWM from before the load.", ""]
    parts += _table(report, names, partial(values, key="rss_kib", unit=1024 / 1e6))
    parts += ["", "### Files, MB", "", "In parentheses the seconds that it took to make them.", ""]
    parts += _table(report, names, partial(_files, names=names))
    parts += ["", "### Errors", "", "Against onnxruntime, max-normalised.", ""]
    parts += _table(report, names, partial(_errors, names=names, threads=min(threads, default=1)))
    parts += ["", "### What could not take part", "", *_refusals(report)]
    return "\n".join(parts) + "\n"


def _table(report: Record, heads: list[str], cells: Callable[[Record], list[str]]) -> list[str]:
    """A row a model, each kind of model under a row of its name."""
    rows = [["model", *heads], ["---", *["--:"] * len(heads)]]
    for kind in (*KINDS, OTHER):
        records = [record for record in report["models"] if record["kind"] == kind]
        if records:
            rows.append([f"*{kind}*", *[""] * len(heads)])
        rows += [[record["model"], *cells(record)] for record in records]
    return [f"| {' | '.join(row)} |" for row in rows]


def _times(record: Record, names: list[str], threads: int) -> list[str]:
    run = record["runs"].get(str(threads), {})
    known = medians(record, threads)
    best = min((known[name] for name in names if name in known), default=0.0)
    cells = []
    for name in names:
        row: dict[str, Any] = run.get(name, {})
        if "median_ms" not in row:
            cells.append(_absent(record, name, row))
            continue
        text = f"{_short(row['median_ms'])} ({_short(row['p10_ms'])}-{_short(row['p90_ms'])})"
        cells.append(f"**{text}**" if row["median_ms"] == best else text)
    value = ratio(record, threads)
    return [*cells, f"{value:.2f}" if value else ""]


def _absent(record: Record, name: str, row: dict[str, Any]) -> str:
    """Why there is no number; the whole sentence stands under the tables."""
    if "failed" in record["forms"].get(name, {}):
        return "not converted"
    if "failed" not in row:
        return "not run"
    return "wrong result" if row["failed"].startswith("wrong") else "does not run"


def _values(record: Record, names: list[str], threads: int, key: str, unit: float) -> list[str]:
    run = record["runs"].get(str(threads), {})
    return [_short(run[name][key] * unit) if key in run.get(name, {}) else "" for name in names]


def _files(record: Record, names: list[str]) -> list[str]:
    cells = []
    for name in names:
        form = record["forms"].get(name, {})
        made = f" ({form['seconds']:.1f})" if form.get("seconds") else ""
        cells.append(f"{form['bytes'] / 1e6:.2f}{made}" if "bytes" in form else "")
    return cells


def _errors(record: Record, names: list[str], threads: int) -> list[str]:
    run = record["runs"].get(str(threads), {})
    return [f"{run[n]['error']:.0e}" if "error" in run.get(n, {}) else "" for n in names]


def _refusals(report: Record) -> list[str]:
    lines = []
    for record in report["models"]:
        reasons = {n: form["failed"] for n, form in record["forms"].items() if "failed" in form}
        for run in record["runs"].values():
            reasons |= {name: row["failed"] for name, row in run.items() if "failed" in row}
        lines += [f"- {record['model']}, {name}: {why}" for name, why in reasons.items()]
    return lines


def _short(value: float) -> str:
    """Three digits that count."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
