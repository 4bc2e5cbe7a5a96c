"""Every case of ONNX's backend suite through tvmedge and onnxruntime, in one run.

Writes scripts/results/onnx_suite.json and onnx_suite.md; with --only it prints
and writes nothing. Exit status 1 where a case is wrong, crashed, hung or failed
with an internal error.

    python scripts/onnx_suite.py [--only REGEX] [--jobs N] [--list-failing]
"""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import os
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
# The cases are many and small.
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["TVM_NUM_THREADS"] = "1"

from scripts.suite.binding import attribute_inputs
from scripts.suite.cases import Case, load_cases, operator
from scripts.suite.judge import OURS, PASS, REFUSED, RUNTIMES, Verdict
from scripts.suite.pool import Job, Limits, run_all
from scripts.suite.progress import add_progress, read_progress
from scripts.suite.report import Row, as_json, as_markdown, counts
from tvmedge.resources import atomic_path

_RESULTS = Path(__file__).with_name("results")


def main(arguments: list[str]) -> int:
    """Run, print, write."""
    options = _parser().parse_args(arguments)
    started = time.monotonic()
    limits = Limits(options.jobs, options.seconds)
    rows = list(run(options.only, limits, tuple(options.runtimes), options.resume))
    if not rows:
        print(f"No case matches '{options.only}'.", file=sys.stderr)
        return 2
    if options.list_failing or options.only != ".":
        _list(rows, failing=options.list_failing)
    for runtime in options.runtimes:
        print(f"{runtime}: {counts(rows, runtime)}")
    if options.only == "." and options.runtimes == list(RUNTIMES):
        _write(rows, " ".join(["python", "scripts/onnx_suite.py", *arguments]), started)
    return int(any(row.verdicts[OURS].outcome not in (PASS, REFUSED) for row in rows))


def run(
    only: str,
    limits: Limits,
    runtimes: tuple[str, ...] = RUNTIMES,
    progress: Path | None = None,
) -> Iterator[Row]:
    """The cases whose names match, in the suite's order.

    What is in the file ``progress`` is not run again; what is run is added.
    """
    cases = load_cases()
    by_name = {case.name: case for case in cases}
    chosen = [case for case in cases if re.search(only, case.name)]
    verdicts: dict[str, dict[str, Verdict]] = {case.name: {} for case in cases}
    for name, runtime, verdict in read_progress(progress):
        verdicts[name][runtime] = verdict
    left = [case for case in chosen if not set(runtimes) <= set(verdicts[case.name])]
    jobs = [Job(case, attribute_inputs(case, by_name.get(case.twin_of, case))) for case in left]
    _warm_up()
    for done, (case, runtime, verdict) in enumerate(run_all(jobs, limits, runtimes), 1):
        verdicts[case.name][runtime] = verdict
        add_progress(progress, case.name, runtime, verdict)
        if done % 200 == 0:
            print(f"{done} of {len(jobs) * len(runtimes)}", file=sys.stderr, flush=True)
    for case in chosen:
        yield _row(case, by_name, verdicts[case.name])


def _row(case: Case, by_name: dict[str, Case], verdicts: dict[str, Verdict]) -> Row:
    return Row(case.name, case.kind, operator(case, by_name), case.excluded_as, verdicts)


def _warm_up() -> None:
    """Load what every child needs before they are forked."""
    importlib.import_module("tvmedge.compiler.compile")
    gc.freeze()  # collections in the children would copy every page


def _list(rows: list[Row], *, failing: bool) -> None:
    for row in rows:
        verdict = row.verdicts[OURS]
        if failing and verdict.outcome == PASS:
            continue
        bound = f" [constant: {', '.join(verdict.bound)}]" if verdict.bound else ""
        print(f"{verdict.outcome:8} {row.operator:20} {row.name}{bound} {verdict.reason}")


def _write(rows: list[Row], command: str, started: float) -> None:
    content = as_json(rows, command, time.monotonic() - started)
    with atomic_path(_RESULTS / "onnx_suite.json") as path:
        path.write_text(content, encoding="utf-8")
    with atomic_path(_RESULTS / "onnx_suite.md") as path:
        path.write_text(as_markdown(rows, json.loads(content)), encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", metavar="REGEX", default=".", help="cases whose names match")
    parser.add_argument("--jobs", metavar="N", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seconds", type=float, default=60.0, help="limit a case and runtime")
    parser.add_argument("--runtimes", nargs="+", choices=RUNTIMES, default=list(RUNTIMES))
    parser.add_argument("--resume", metavar="FILE", type=Path, help="keep verdicts, go on from it")
    parser.add_argument("--list-failing", action="store_true", help="print what does not pass")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
