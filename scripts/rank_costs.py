"""How well do costs that need no board rank schedules? Against their time on this machine.

``python scripts/rank_costs.py count [--each 60] [--kernel 3x3 ...]``   build and count candidates
``timed python scripts/rank_costs.py time``                    time those that were not timed yet
``python scripts/rank_costs.py report``                         ranks, from the result file

Schedules are drawn from the rules' own spaces, built for AVX2, executed under qemu-x86_64
and put through llvm-mca, then timed in turns on this machine. Counts and cycles ignore
caches and what waits for them, which is the point: the ranks say how much that matters.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import pickle
import random
import statistics
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import onnx
from onnx import helper, numpy_helper
from scipy import stats
from tvmedge.schedules.rules.cpu import RULES

from scripts import machine
from scripts.bench.kernels.cases import DEPTHWISE, FIRST, POINTWISE, SQUARE, Case
from tvmedge.boards.kernel_board import KernelBoard
from tvmedge.device.build_server import build_kernel_server
from tvmedge.model.importer import import_model
from tvmedge.model.load import Model
from tvmedge.resources import atomic_path, cache_dir
from tvmedge.scheduling.engine import Tuned, apply_tuned
from tvmedge.targeting import TargetSpec, target
from tvmedge.targeting.core import core_of
from tvmedge.tuning.build import compiled
from tvmedge.tuning.costs.board_time import BoardTime
from tvmedge.tuning.costs.candidate import BuiltCandidate
from tvmedge.tuning.costs.cycles import Cycles
from tvmedge.tuning.costs.instructions import Instructions
from tvmedge.tuning.costs.machine_code import Loads
from tvmedge.tuning.costs.source import CandidateError, CostSource
from tvmedge.tuning.space import Candidate, Space
from tvmedge.tuning.tasks import Task, tasks_of
from tvmedge.types import Winograd

RESULTS = Path(__file__).with_name("results") / "rank_costs.json"
DENSE = "dense"
CASES = (
    Case(SQUARE, 64, 28, 64, 3),
    Case(POINTWISE, 256, 14, 256, 1),
    Case(DEPTHWISE, 128, 28, 128, 3, 1, 128),
    Case(FIRST, 3, 112, 32, 3, 2),
)
# Kernels that nothing was decided by: what the first set showed has to hold here, too.
OTHERS = {
    "3x3 by 2": Case(SQUARE, 32, 28, 64, 3, 2),
    "1x1 wide": Case(POINTWISE, 64, 28, 192, 1),
    "depthwise 5x5": Case(DEPTHWISE, 96, 28, 96, 5, 1, 96),
    "first 7x7": Case(FIRST, 3, 56, 64, 7, 2),
}
PRODUCTS = {DENSE: (64, 256), "dense few rows": (12, 384)}  # rows, and columns as many as inputs
TIMED_S = 15.0  # one call of `time`: others wait for the machine
WAITING, FREE = "cycles_waiting", "cycles_free"
COSTS = ("instructions", WAITING, FREE, "cycles")


def main(arguments: list[str]) -> int:
    """One of the three steps; the result file is written after each candidate."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("step", choices=("count", "time", "report"))
    parser.add_argument("--each", type=int, default=60, help="candidates of a kernel")
    parser.add_argument("--model", default="sapphirerapids", help="LLVM's, of this machine")
    parser.add_argument("--kernel", action="append", help="only these")
    parser.add_argument("--out", type=Path, default=RESULTS, help="result file")
    options = parser.parse_args(arguments)
    rows: dict[str, list[dict[str, Any]]] = {}
    report: dict[str, Any] = {}
    if options.out.is_file():
        report = json.loads(options.out.read_text(encoding="utf-8"))
        rows = report["kernels"]
    if options.step == "count":
        for name, found in counted(options, rows):
            rows[name] = found
            report = {"machine": machine.describe(["tvmedge", "apache-tvm"]), "kernels": rows}
            report["llvm_mca"] = options.model
            _write(options.out, report)
    if options.step == "time":
        print(f"{timed(rows)} candidates are left to time")
    if report:
        report["ranks"] = ranks(rows)
        _write(options.out, report)
    for name, each in report.get("ranks", {}).items():
        print(f"{name:12} {json.dumps(each)}")
    return 0


def avx2() -> TargetSpec:
    """This machine with vectors of 256 bits, which QEMU can imitate."""
    spec = target("host")
    plain = {key: value for key, value in spec.tvm.items() if key != "mattr"}
    (name, facts), *_ = spec.board.clusters.items()
    narrow = dataclasses.replace(facts, vector_bits=256, vector_registers=16)
    board = dataclasses.replace(spec.board, clusters={name: narrow})
    return dataclasses.replace(spec, tvm=plain | {"mcpu": "x86-64-v3"}, board=board)


def kernels() -> dict[str, onnx.ModelProto]:
    """Models of a layer each."""
    layers = {case.kind: case for case in CASES} | OTHERS
    protos = {name: case.proto(case.tensors()) for name, case in layers.items()}
    return protos | {name: _product(*sizes) for name, sizes in PRODUCTS.items()}


def _product(rows: int, width: int) -> onnx.ModelProto:
    weight = np.random.default_rng(0).uniform(-1, 1, (width, width)).astype(np.float32)
    kind = onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "product",
        [helper.make_tensor_value_info("x", kind, (rows, width))],
        [helper.make_tensor_value_info("y", kind, (rows, width))],
        [numpy_helper.from_array(weight, "w")],
    )
    opset = helper.make_opsetid("", 18)
    return helper.make_model(graph, opset_imports=[opset], ir_version=10)


def counted(
    options: argparse.Namespace, rows: dict[str, list[dict[str, Any]]]
) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Candidates of each kernel with what they cost, as they come."""
    spec = avx2()
    with contextlib.ExitStack() as opened:
        opens = {"instructions": Instructions(spec, slots=1)} | {
            name: Cycles(spec, options.model, slots=1, loads=(loads,))
            for name, loads in ((WAITING, Loads.STORES), (FREE, Loads.NOTHING))
        }
        sources = {name: opened.enter_context(source) for name, source in opens.items()}
        for name, proto in kernels().items():
            if options.kernel and name not in options.kernel:
                continue
            for row in _lacking(rows.get(name, []), sources):
                row.update(_costs(pickle.loads((_folder() / row["code"]).read_bytes()), sources))
                yield name, rows[name]
            module = import_model(Model("m", Path("m.onnx"), proto, "0", "?"), {}).module
            task = max(tasks_of(module, spec, "", Winograd.OFF).tasks, key=_size)
            found = rows.get(name, [])
            for candidate, code in candidates(task, spec, {row["code"] for row in found}):
                if len(found) >= options.each:
                    break
                if made := _row(candidate, code, sources):
                    found.append(made)
                    print(name, len(found), json.dumps(made), flush=True)
                    yield name, found


def candidates(
    task: Task, spec: TargetSpec, known: set[str]
) -> Iterator[tuple[Candidate, BuiltCandidate]]:
    """The untuned schedule and others at random, whose code differs from all before."""
    space, chance = Space(task.func, core_of(spec)), random.Random(0)
    waiting = space.defaults[:1]
    rule = waiting[0].rule
    for _ in range(1000):
        for candidate in waiting:
            code = built(task, spec, candidate)
            if code.digest not in known:
                known.add(code.digest)
                yield candidate, code
        drawn = space.drawn(rule, chance)
        waiting = [drawn] if drawn else []


def built(task: Task, spec: TargetSpec, candidate: Candidate) -> BuiltCandidate:
    """The candidate's code."""
    tuned = Tuned(candidate.rule, dict(candidate.decisions))
    plan = apply_tuned(tuned, RULES, task.func, core_of(spec))
    return compiled(plan.schedule.mod["main"], spec, spec)


def timed(rows: dict[str, list[dict[str, Any]]]) -> int:
    """Fill in seconds, for as long as others may be kept waiting; each kernel's candidates in
    turns, twice. How many are left."""
    end = time.monotonic() + TIMED_S
    server = str(build_kernel_server(target("host").toolchain.triple))
    with BoardTime("local", {"local": lambda: KernelBoard([server])}) as source:
        for row in (row for found in rows.values() for row in found if "seconds" not in row):
            if time.monotonic() > end:
                break
            code = pickle.loads((_folder() / row["code"]).read_bytes())
            costs = [source.measure(code) for _ in range(2)]
            row["seconds"] = min(cost.value for cost in costs)
    return sum("seconds" not in row for found in rows.values() for row in found)


def ranks(rows: dict[str, list[dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    """Spearman's rho of each cost with the time, by kernel; what the candidate that a cost
    likes best takes, over the fastest's and over the untuned one's; and the mean of all."""
    result: dict[str, dict[str, Any]] = {}
    for name, found in rows.items():
        full = [row for row in found if "seconds" in row]
        if len(full) < 3:
            continue
        seconds = [row["seconds"] for row in full]
        result[name] = {"candidates": len(full), "slowest": round(max(seconds) / min(seconds), 2)}
        for cost in (cost for cost in COSTS if all(cost in row for row in full)):
            values = [row[cost] for row in full]
            chosen = seconds[int(np.argmin(values))]
            rho = float(stats.spearmanr(values, seconds).statistic)
            result[name][cost] = {
                "rho": round(rho, 3),
                "chosen_over_fastest": round(chosen / min(seconds), 3),
                "chosen_over_untuned": round(chosen / seconds[0], 3),
            }
    if result:
        means = {
            cost: round(float(np.mean([each[cost]["rho"] for each in result.values()])), 3)
            for cost in COSTS
            if all(cost in each for each in result.values())
        }
        everyone = sum(each["candidates"] for each in result.values())
        result["all"] = {"candidates": everyone, "mean_rho": means}
    return result


def _lacking(
    found: list[dict[str, Any]], sources: Mapping[str, CostSource]
) -> list[dict[str, Any]]:
    """Candidates that were built before one of the costs was known, whose code is still here."""
    return [
        row
        for row in found
        if any(name not in row for name in sources) and (_folder() / row["code"]).is_file()
    ]


def _row(
    candidate: Candidate, code: BuiltCandidate, sources: Mapping[str, CostSource]
) -> dict[str, Any] | None:
    try:
        costs = _costs(code, sources)
    except CandidateError as error:
        print(f"{candidate}: the candidate {error}", file=sys.stderr)
        return None
    with atomic_path(_folder() / code.digest) as temporary:
        temporary.write_bytes(pickle.dumps(code))
    decisions = dict(candidate.decisions)
    return {"rule": candidate.rule, "decisions": decisions, "code": code.digest, **costs}


def _costs(code: BuiltCandidate, sources: Mapping[str, CostSource]) -> dict[str, float]:
    """By each source, and the mean of the two kinds of cycles, which is what is searched by."""
    costs = {name: source.measure(code).value for name, source in sources.items()}
    return costs | {"cycles": statistics.geometric_mean((costs[WAITING], costs[FREE]))}


def _folder() -> Path:
    folder = cache_dir("bench") / "ranked"
    folder.mkdir(exist_ok=True)
    return folder


def _size(task: Task) -> int:
    """Of the kernel that does the work of a model of one layer: it has weights."""
    return len(task.func.params)


def _write(path: Path, report: dict[str, Any]) -> None:
    with atomic_path(path) as temporary:
        kernels = ",\n".join(
            f'  "{name}": [\n   ' + ",\n   ".join(map(json.dumps, found)) + "\n  ]"
            for name, found in report["kernels"].items()
        )
        head = json.dumps({key: value for key, value in report.items() if key != "kernels"})
        temporary.write_text(f'{head[:-1]}, "kernels": {{\n{kernels}\n}}}}\n', encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
