"""``tvmedge profile BUNDLE``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from tvmedge.cli.board_options import BoardOptions
from tvmedge.cli.output import Output
from tvmedge.cli.packets import say_packets
from tvmedge.cli.per_op import say_per_op
from tvmedge.cli.run import say_check
from tvmedge.errors import ExitCode, InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tvmedge.boards.many import Outcome
    from tvmedge.profiling.budgets import Budgets, Verdict
    from tvmedge.profiling.latency import Profile, Wanted
    from tvmedge.profiling.repeat import Repetition


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class RepetitionOptions:
    """How often to run."""

    repetitions: int | None = None
    "Timed runs; default: until the median is sure (1 where packets are counted)."
    precision: float = 2.0
    "Per cent either way within which the median's 95 % interval is to lie."
    seconds: float = 10.0
    "How long to go on at most until it does."

    def repetition(self) -> Repetition:
        """The profile's own form."""
        from tvmedge.profiling.repeat import Repetition

        if not 0 < self.precision < 100 or self.seconds <= 0:
            raise InputError("--precision is per cent, above 0 and below 100; --seconds above 0.")
        return Repetition(self.repetitions, self.precision / 100, self.seconds)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class BudgetOptions:
    """Budgets: exit code 3 where one is not kept, or not measured."""

    latency: Annotated[float | None, Parameter(name="--max-latency-ms")] = None
    "The median of all runs."
    memory: Annotated[float | None, Parameter(name="--max-memory-mb")] = None
    "What loading and running takes, beyond what was resident before."
    size: Annotated[float | None, Parameter(name="--max-size-mb")] = None
    "The bundle's file."
    energy: Annotated[float | None, Parameter(name="--max-energy-mj")] = None
    "Of a run."

    def budgets(self) -> Budgets:
        """The profile's own form."""
        from tvmedge.profiling.budgets import Budgets

        return Budgets(self.latency, self.memory, self.size, self.energy)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class WantedOptions:
    """What else to measure, and where to write it."""

    per_op: Annotated[bool, Parameter(negative=())] = False
    "Where the time goes, kernel by kernel."
    report: Path | None = None
    "Write an HTML page: runs, kernels, their timeline, memory over time."
    trace: Path | None = None
    "Write the kernels' timeline for Perfetto or chrome://tracing, as JSON."
    no_energy: Annotated[bool, Parameter(name="--no-energy", negative=())] = False
    "Leave the board's meters alone, which take two seconds of runs."

    def wanted(self) -> Wanted:
        """The profile's own form."""
        from tvmedge.profiling.latency import Wanted

        return Wanted(
            per_op=self.per_op or self.report is not None or self.trace is not None,
            memory_over_time=self.report is not None or self.trace is not None,
            energy=not self.no_energy,
        )


def profile(
    bundle: Path,
    /,
    *,
    repetition: RepetitionOptions | None = None,
    budget: BudgetOptions | None = None,
    wanted: WantedOptions | None = None,
    board: BoardOptions | None = None,
    output: Output | None = None,
) -> int:
    """Measure a bundle's cold start, latency, memory and energy, on one board or on several.

    Parameters
    ----------
    bundle
        The bundle's file.
    """
    output = (output or Output()).start()
    board, wanted = board or BoardOptions(), wanted or WantedOptions()

    from tvmedge.boards.many import on_boards
    from tvmedge.cli.boards_screen import BoardsScreen, say_each
    from tvmedge.cli.profile_document import profile_document
    from tvmedge.profiling.budgets import judge
    from tvmedge.profiling.latency import profile_bundle

    how = (repetition or RepetitionOptions()).repetition()
    budgets, extras = (budget or BudgetOptions()).budgets(), wanted.wanted()
    boards, session = board.addresses(), board.session()
    if len(boards) == 1:
        found = profile_bundle(bundle, how, boards[0], session, extras)
        verdicts = judge(found, budgets)
        _say_profile(output, found, verdicts)
        _write(output, wanted, [found], {})
        output.document("profile", profile_document(found, verdicts))
        return _code(found, verdicts)
    with BoardsScreen(boards, _brief, output.say) as screen:
        outcomes = on_boards(
            boards, lambda one: profile_bundle(bundle, how, one, session, extras), screen
        )

    def tell(name: str, found: Profile) -> tuple[int, dict[str, Any]]:
        verdicts = judge(found, budgets)
        _say_profile(output, found, verdicts)
        return _code(found, verdicts), {**profile_document(found, verdicts), "board": name}

    code, documents = say_each(output, outcomes, tell)
    done = [one.result for one in outcomes if one.result is not None]
    _write(output, wanted, done, _lost(outcomes))
    output.document("profile", {"bundle": str(bundle), "boards": documents})
    return code


def _lost(outcomes: Sequence[Outcome[Profile]]) -> dict[str, str]:
    return {one.name: f"lost: {one.error}" for one in outcomes if one.error is not None}


def _code(found: Profile, verdicts: Sequence[Verdict]) -> int:
    kept = all(verdict.ok for verdict in verdicts)
    return ExitCode.OK if found.check.ok and kept else ExitCode.CHECK


def _write(
    output: Output, wanted: WantedOptions, profiles: Sequence[Profile], lost: dict[str, str]
) -> None:
    from tvmedge.profiling.report import report
    from tvmedge.profiling.trace import trace
    from tvmedge.resources import atomic_path

    if wanted.report is not None:
        with atomic_path(wanted.report) as temporary:
            temporary.write_text(report(profiles, lost), encoding="utf-8")
        output.say(f"written: {wanted.report}")
    if wanted.trace is not None:
        with atomic_path(wanted.trace) as temporary:
            temporary.write_text(json.dumps(trace(profiles)), encoding="utf-8")
        output.say(f"written: {wanted.trace}")


def _brief(found: Profile) -> str:
    from tvmedge.profiling.statistics import percentile

    checked = "check passed" if found.check.ok else "check FAILED"
    return f"p50 {percentile(found.latency.samples_ms, 50):.3f} ms, {checked}"


def _say_profile(output: Output, found: Profile, verdicts: Sequence[Verdict]) -> None:
    from tvmedge.profiling.facts import facts
    from tvmedge.profiling.statistics import percentile

    manifest = found.bundle.manifest
    first, *others = facts(found)
    output.say(f"{manifest.model.name} for {manifest.target.name} on {found.board}: {first}")
    for fact in others:
        output.say(fact)
    if found.per_op is not None:
        p50_ms = percentile(found.latency.samples_ms, 50)
        say_per_op(output, found.per_op, p50_ms, emulated=found.emulated)
    elif found.packets:
        say_packets(output, found.packets)
    say_check(output, found.check)
    _say_verdicts(output, verdicts)


def _say_verdicts(output: Output, verdicts: Sequence[Verdict]) -> None:
    for one in verdicts:
        value = f"not measured ({one.why})" if one.measured is None else f"{one.measured:.3f}"
        mark = "kept" if one.ok else "NOT KEPT"
        output.say(f"{one.name:<12} {value:>10} {one.unit}, at most {one.limit:g}: {mark}")
