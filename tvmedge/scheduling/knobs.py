"""What a rule asks where it has a choice, and who answers.

    columns = knobs.pick("columns", divisors(ow), default=7)

The space of a kernel's schedules is what its rule asks when it runs; no other description of it
exists. The default is the rule's own estimate, given what was picked so far.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from tvmedge.records.types import Decision, Decisions

ANSWER = "answer"
"""The name under which a record keeps what a model's question was answered with: its key has the
question."""

D = TypeVar("D", int, str, bool)


class StaleDecisionError(Exception):
    """A stored decision that its rule no longer asks for, or whose option is gone."""


class Knobs(Protocol):
    """Answers a rule's questions."""

    def pick(self, name: str, options: Sequence[D], default: D) -> D:
        """One of ``options``, ``default`` among them; a rule asks for each ``name`` once."""

    def settle(self) -> None:
        """The rule has asked all it will, and begins to change loops, which takes most of its
        time. Who only wants the questions may raise an error here."""


class Defaults:
    """The rule's own estimates: a schedule that nobody tuned."""

    def pick(self, name: str, options: Sequence[D], default: D) -> D:
        """``default``."""
        return default

    def settle(self) -> None:
        """Nothing."""


@dataclass(frozen=True)
class Asked:
    """A question that had more than one answer, and which was ``picked``."""

    name: str
    options: tuple[Decision, ...]
    default: Decision
    picked: Decision


class Tracing:
    """Lets ``inner`` answer and keeps what was asked, in order."""

    def __init__(self, inner: Knobs) -> None:
        self._inner = inner
        self.asked: list[Asked] = []

    def pick(self, name: str, options: Sequence[D], default: D) -> D:
        """What ``inner`` picks."""
        picked = self._inner.pick(name, options, default)
        if len(options) > 1:
            self.asked.append(Asked(name, tuple(options), default, picked))
        return picked

    def settle(self) -> None:
        """As ``inner`` does."""
        self._inner.settle()

    @property
    def decisions(self) -> Decisions:
        """What was picked, as a record stores it."""
        return tuple((asked.name, asked.picked) for asked in self.asked)


class Fixed:
    """A stored record's decisions. What its rule did not ask for then, it decides itself."""

    def __init__(self, decisions: Mapping[str, Decision]) -> None:
        self._decisions = decisions
        self._left = set(decisions)

    def pick(self, name: str, options: Sequence[D], default: D) -> D:
        """What is stored.

        Raises:
            StaleDecisionError: it is none of ``options``.
        """
        if name not in self._decisions:
            return default
        self._left.discard(name)
        for option in options:
            stored = self._decisions[name]
            if type(option) is type(stored) and option == stored:
                return option
        shown = ", ".join(map(str, options[:8])) + (", ..." if len(options) > 8 else "")
        raise StaleDecisionError(f"{name} = {self._decisions[name]} is none of {shown}")

    def settle(self) -> None:
        """Raises StaleDecisionError if the rule did not ask for some decision."""
        self.require_used()

    def require_used(self) -> None:
        """Raise StaleDecisionError if the rule, having run, did not ask for some decision."""
        if self._left:
            raise StaleDecisionError(f"the rule no longer asks for {', '.join(sorted(self._left))}")
