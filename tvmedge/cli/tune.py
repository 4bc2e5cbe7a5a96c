"""``tvmedge tune MODEL -t TARGET``."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import signal
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from tvmedge.boards.limits import SessionLimits
from tvmedge.boards.terms import Terms
from tvmedge.cli.native_noise import native_noise_logged
from tvmedge.cli.output import Output
from tvmedge.cli.tune_stock import SpaceKind, StockSearch, stock_line, stock_rows
from tvmedge.errors import ExitCode, InputError
from tvmedge.targeting import Family, TargetSpec, target
from tvmedge.targeting.host_cores import narrowed, processors
from tvmedge.tuning.costs.kind import CostKind, here, usual
from tvmedge.types import Winograd

if TYPE_CHECKING:
    from tvmedge.records.store import Store
    from tvmedge.tuning.costs.source import CostSource
    from tvmedge.tuning.evaluate import Builders
    from tvmedge.tuning.events import Event, Listen
    from tvmedge.tuning.session import How, Session, TuneResult

_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}
_SHOWN = 12


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Options:
    """What to tune for, and how long."""

    target: Annotated[str, Parameter(name=["--target", "-t"])]
    "The target's name (see 'tvmedge targets')."
    trials: int = 512
    "Candidates to try in all, those that --resume finds stored among them."
    time: str | None = None
    "When to end at the latest: 90s, 30m, 2h."
    cost: CostKind | None = None
    """time: on this machine (a GPU's by the device's own events), or on --board; instructions:
    counted under QEMU; model: LLVM's model of the processor, for a GPU a reckoning from kernels'
    text, the default where it is not here; packets: a Hexagon's, counted under QEMU, and the
    default for it. All but time need no board, and do not see caches."""
    board: Annotated[tuple[str, ...], Parameter(negative=())] = ()
    """Where time is measured, as of 'tvmedge run'; repeat for several boards of a kind, which are
    used at the same time; of a gateway's pool and of a tracker's key all boards are."""
    wait: float = 3600.0
    "With a gateway: seconds to wait for a first board; 0 takes a free one or none."
    priority: int = 0
    "With a gateway: 0 to 9, higher goes first, as far as the gateway lets you."
    limit: SessionLimits = field(default_factory=SessionLimits)
    records: str | None = None
    "The record store: a file or an SQLAlchemy URL; by default the user's own."
    space: SpaceKind = SpaceKind.OURS
    """stock: TVM's MetaSchedule in its own space, beside our untuned schedules, for comparison;
    nothing is stored."""
    seed: int = 0
    "Of everything that chance decides."
    resume: bool = False
    "Take what earlier sessions with this seed stored for tried, and go on."
    transfer: bool = True
    "Begin with what the store holds of other targets, kernels and seeds."
    input: Annotated[tuple[str, ...], Parameter(negative=())] = ()
    "As of 'tvmedge compile': NAME:SHAPE or NAME=VALUE."
    winograd: Winograd = Winograd.F4
    "As of 'tvmedge compile'."
    builders: str | None = None
    """How many processes compile candidates here, by default as many as there are processors
    beside the one that measures, and at most 4; or dask://HOST:PORT or tls://HOST:PORT, a Dask
    scheduler whose workers do."""
    certificates: Path | None = None
    """For tls://: a folder with ca.pem, and our cert.pem and key.pem; by default those that Dask's
    configuration names."""
    log: Path | None = None
    "A file that receives every event as a line of JSON."
    report: Path | None = None
    """An HTML file that shows what was found: written when the search begins, twice a minute, and
    when it ends."""


@native_noise_logged()
def tune(model: Path, /, *, options: Options, output: Output | None = None) -> int:
    """Search faster schedules of a model's kernels, for 'tvmedge compile' to apply.

    Parameters
    ----------
    model
        The ONNX file.
    """
    output = (output or Output()).start()
    spec = target(options.target)
    limit = seconds(options.time)
    if options.trials < 1:
        raise InputError("--trials has to be at least 1.")
    if spec.family is Family.HOST and narrowed():
        cores = f"{spec.board.cores} core{'s' * (spec.board.cores > 1)}"
        output.say(
            f"{spec.name} has {cores} here: this process may use {processors()} only, and what is "
            "found is for 'compile' under the same limit"
        )

    from tvmedge.model.importer import import_model
    from tvmedge.model.inputs import parse_inputs
    from tvmedge.model.load import load
    from tvmedge.model.prepare.bind_values import bind_values
    from tvmedge.tuning.session import How, Limits
    from tvmedge.tuning.tune import TuneOptions, tune_model

    given = parse_inputs(options.input)
    terms = Terms(options.limit, options.wait, options.priority)
    how = How(
        seed=options.seed,
        resume=options.resume,
        transfer=options.transfer,
        limits=Limits(options.trials, limit),
    )
    with contextlib.ExitStack() as opened:
        loaded = load(model)
        source = opened.enter_context(cost_source(options.cost, options.board, spec, terms))
        if options.space is SpaceKind.STOCK:
            imported = import_model(bind_values(loaded, given.values), given.shapes)
            rows = []
            search = StockSearch(options.trials, options.seed)
            for row in stock_rows(imported, spec, source, search):
                output.say(stock_line(row, source.unit))
                rows.append(row)
            output.document("tune", {"model": str(model), "space": "stock", "tasks": rows})
            return ExitCode.OK
        store = opened.enter_context(_store(options.records))
        how, builders = _builders(options, how, opened)
        listeners = _listeners(options, output, limit, opened)

        def listen(event: Event) -> None:
            for listener in listeners:
                listener(event)

        def begin(session: Session) -> None:
            opened.enter_context(stopping(session.stop))

        result = tune_model(
            loaded,
            spec,
            source,
            store,
            TuneOptions(given.shapes, given.values, options.winograd, how, listen, begin, builders),
        )
        opened.close()
        stopped = _summary(output, result, source, str(store.place))
    output.document("tune", _document(model, options, source, result))
    return ExitCode.INTERRUPTED if stopped else ExitCode.OK


def seconds(text: str | None) -> float | None:
    """What ``--time`` means: ``90s``, ``30m``, ``2h``, or seconds.

    Raises:
        InputError: it means nothing.
    """
    if text is None:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text)
    if match is None:
        raise InputError(f"--time {text}: give a number and s, m or h, such as 30m.")
    return float(match[1]) * _UNITS[match[2]]


def _store(records: str | None) -> Store:
    from tvmedge.records.place import Place, default_file
    from tvmedge.records.sources import NONE
    from tvmedge.records.store import open_store

    if records == NONE:
        raise InputError("--records none: tuning needs a store to put what it finds in.")
    return open_store(Place(default_file()) if records is None else records, create=True)


def cost_source(
    cost: CostKind | None, boards: Sequence[str], spec: TargetSpec, terms: Terms | None = None
) -> CostSource:
    """What ``--cost`` and ``--board`` mean for a target. Emulated boards are what packets are
    counted on: naming one says nothing new.

    Raises:
        InputError: they do not go together, or not with the target.
        ToolError: what the source runs on is missing.
    """
    from tvmedge.boards.address import parse_address
    from tvmedge.tuning.costs.choose import boardless, on_boards, on_devices
    from tvmedge.tuning.costs.wall_time import WallTime

    cost = cost or usual(spec)
    if cost is CostKind.PACKETS and set(boards) == {"emulated"}:
        boards = ()
    if terms is not None and terms.limits != SessionLimits() and not boards:
        raise InputError("--limit is for sessions on boards: give --board, or leave it out.")
    if cost is not CostKind.TIME:
        if boards:
            raise InputError(f"--cost {cost.value} needs no --board: leave one out.")
        return boardless(cost, spec)
    if boards:
        return on_boards(spec, [parse_address(board) for board in boards], terms)
    if here(spec):
        return on_devices(spec, [parse_address("local")])
    if spec.accelerator is not None:
        raise InputError(
            f"Time for {spec.name} cannot be measured on this machine: give --board, use --cost "
            "model, or tune for host-opencl."
        )
    if spec.family is not Family.HOST:
        raise InputError(
            f"Time for {spec.name} cannot be measured on this machine: give --board, or use --cost "
            + ("packets." if spec.family is Family.HEXAGON else "instructions or --cost model.")
        )
    return WallTime()


def _builders(
    options: Options, how: How, opened: contextlib.ExitStack
) -> tuple[How, Builders | None]:
    """How to search with the builders asked for, and those that are not processes here."""
    text = options.builders or str(how.builders)
    if "://" not in text:
        if not text.isdecimal() or int(text) < 1:
            raise InputError(
                f"--builders {text}: give a number of processes from 1, or dask://HOST:PORT."
            )
        if options.certificates:
            raise InputError(f"--certificates are of no use with --builders {text}.")
        return dataclasses.replace(how, builders=int(text)), None
    from tvmedge.tuning.cluster import Cluster
    from tvmedge.tuning.session import BUILD_S

    cluster = opened.enter_context(Cluster(text, BUILD_S, options.certificates))
    return dataclasses.replace(how, batch=max(how.batch, cluster.slots)), cluster


def _listeners(
    options: Options, output: Output, limit: float | None, opened: contextlib.ExitStack
) -> list[Listen]:
    """Who hears of a session: files, and a screen or lines for whoever reads along."""
    from rich.console import Console

    from tvmedge.cli.tune_screen import Screen
    from tvmedge.tuning.events import EventLog
    from tvmedge.tuning.report import Reporter

    listeners: list[Listen] = []
    if options.log:
        listeners.append(opened.enter_context(EventLog(options.log)))
    if options.report:
        listeners.append(opened.enter_context(Reporter(options.report)))
    console = Console(stderr=output.json)
    if console.is_terminal:
        listeners.append(opened.enter_context(Screen(console, limit)))
    listeners.append(lambda event: _say(output, event, bests=not console.is_terminal))
    return listeners


@contextlib.contextmanager
def stopping(stop: threading.Event) -> Iterator[None]:
    """The first Ctrl-C sets ``stop``; the next one is as if this were not there."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before: dict[int, Any] = {}

    def asked(number: int, frame: FrameType | None) -> None:
        stop.set()
        for each, handler in before.items():
            signal.signal(each, handler)

    if threading.current_thread() is threading.main_thread():
        before.update((number, signal.signal(number, asked)) for number in numbers)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _say(output: Output, event: Event, *, bests: bool) -> None:
    """What a person wants to see go by: new ``bests``, and what is wrong."""
    from tvmedge.tuning.events import Began, Tried

    if isinstance(event, Began):
        output.say(
            f"{len(event.tasks)} kernels to tune for {event.target} by {event.cost}"
            + (f", which ignores {event.blind}" if event.blind else "")
            + (f"; begins with what {event.learnt} stored candidates teach" * (event.learnt > 0))
        )
        for kernel, why in event.skipped.items():
            output.say(f"  not tuned: {kernel}, {why}")
    elif isinstance(event, Tried) and event.of_task:
        if event.status == "wrong":
            output.say(f"  trial {event.trial}: {event.kernel}: wrong results: {event.reason}")
        elif bests and event.cost is not None and event.cost == event.best:
            output.say(f"  trial {event.trial}: {event.kernel}: {event.cost:.3g}")


def _summary(output: Output, result: TuneResult, source: CostSource, place: str) -> bool:
    """Says what came of it; whether it was stopped."""
    from tvmedge.tuning.session import STOPPED

    gained = [t for t in result.tasks if t.untuned and t.best and t.best < t.untuned]
    gained.sort(key=lambda t: ((t.best or 0) - (t.untuned or 0)) * t.task.calls)
    for one in gained[:_SHOWN]:
        assert one.untuned is not None
        assert one.best is not None
        output.say(
            f"  {one.task.kernels[0]}: {one.untuned:.3g} -> {one.best:.3g} {source.unit} "
            f"({one.best / one.untuned:.2f}x), {one.trials} trials"
        )
    if len(gained) > _SHOWN:
        output.say(f"  and {len(gained) - _SHOWN} more")
    share = result.best / result.untuned if result.untuned else 1.0
    output.say(
        f"kernels' sum {result.untuned:.4g} -> {result.best:.4g} {source.unit} ({share:.3f}x) in "
        f"{result.trials} trials, {result.seconds:.0f} s: {result.because}"
    )
    stopped = result.because == STOPPED
    again = ": run the same command with --resume to go on" if stopped else ""
    output.say(f"stored in {place}{again}")
    return stopped


def _document(
    model: Path, options: Options, source: CostSource, result: TuneResult
) -> dict[str, Any]:
    return {
        "model": str(model),
        "target": options.target,
        "cost": {"source": source.name, "unit": source.unit, "ignores": source.blind},
        "seed": options.seed,
        "trials": result.trials,
        "seconds": round(result.seconds, 3),
        "because": result.because,
        "untuned": result.untuned,
        "best": result.best,
        "tasks": [
            {
                "workload": one.task.key.workload,
                "kernels": list(one.task.kernels),
                "calls": one.task.calls,
                "trials": one.trials,
                "untuned": one.untuned,
                "best": one.best,
                "because": one.because,
            }
            for one in result.tasks
        ],
    }
