"""Which of several kernels an operator has: what it costs with each, and what that costs to know.

A pass asks knobs (``algorithm of a 3x3 convolution ...``); the kernels that are made of an answer
carry the question. Each answer's kernels are tasks like others, and the sum of their best costs
is the answer's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tvm import tirx
from tvm.s_tir import SBlock
from tvm_ffi import structural_walk

from tvmedge.records.types import Key, Record, Status
from tvmedge.records.worth import margin
from tvmedge.scheduling.knobs import ANSWER, Asked, D
from tvmedge.scheduling.plan import ALGORITHM

_RULE = "algorithm"
_HOPELESS = 1.25  # an untuned answer so far behind the best is not searched


@dataclass(frozen=True)
class Question:
    """One that was asked: ``options`` has the workloads of the kernels that each answer makes,
    the untuned one among them; ``key`` is that of the answers' records."""

    text: str
    key: Key
    default: str
    options: Mapping[str, tuple[Key, ...]]


@dataclass
class Instead:
    """Knobs that pick the ``place``-th answer besides the default, where there is one."""

    place: int
    picked: dict[str, str] = field(default_factory=dict)

    def pick(self, name: str, options: Sequence[D], default: D) -> D:
        """Another answer, or the default again."""
        others = [option for option in options if option != default]
        if self.place >= len(others):
            return default
        self.picked[name] = str(others[self.place])
        return others[self.place]

    def settle(self) -> None:
        """Nothing."""


def question_of(func: tirx.PrimFunc) -> str:
    """The question that led to a kernel; empty if there was none."""
    found: list[str] = []

    def look(block: SBlock) -> None:
        if ALGORITHM in block.annotations:
            found.append(str(block.annotations[ALGORITHM]))

    structural_walk(func.body, (SBlock, look))
    return found[0] if found else ""


def most_options(asked: Sequence[Asked]) -> int:
    """Answers to the question that has the most."""
    return max((len(one.options) for one in asked), default=1)


def hopeless(question: Question, costs: Mapping[Key, float | None]) -> Iterator[Key]:
    """Kernels of answers that are far behind before anything is tuned; ``costs`` are those of
    all calls of a kernel."""
    totals = totals_of(question, costs)
    best = min(totals.values(), default=0.0)
    for option, keys in question.options.items():
        if option not in totals or totals[option] > _HOPELESS * best:
            yield from keys


def totals_of(question: Question, costs: Mapping[Key, float | None]) -> dict[str, float]:
    """What each answer costs, as far as it is known."""
    totals = {}
    for option, keys in question.options.items():
        known = [cost for key in keys if (cost := costs.get(key)) is not None]
        if len(known) == len(keys):
            totals[option] = sum(known)
    return totals


def fastest(question: Question, totals: Mapping[str, float]) -> str:
    """The answer that costs least, if it is worth another than the untuned one, which ``totals``
    has: compile's choice of what ``answers`` stores."""
    least = min(totals, key=lambda option: totals[option])
    enough = (1 - margin(question.key.cost)) * totals[question.default]
    return least if totals[least] < enough else question.default


def answers(
    question: Question, costs: Mapping[Key, float | None], unit: str, seed: int
) -> list[Record]:
    """A record for each answer whose cost is known; the untuned one is trial 0."""
    return [
        Record(
            key=question.key,
            kernel=question.text,
            rule=_RULE,
            decisions=((ANSWER, option),),
            status=Status.MEASURED,
            cost=cost,
            unit=unit,
            spread=0.0,
            seed=seed,
            trial=0 if option == question.default else 1,
        )
        for option, cost in totals_of(question, costs).items()
    ]
