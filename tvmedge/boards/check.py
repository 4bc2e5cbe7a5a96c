"""A board proves itself: the bundle's own input against its own reference."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tvmedge.boards.session import Session
from tvmedge.bundle import Bundle
from tvmedge.tensors.compare import FAINT, max_normalised_error


@dataclass(frozen=True)
class OutputError:
    """max(|got - want|) / max(|want|, ``FAINT``) of one output."""

    name: str
    error: float


@dataclass(frozen=True)
class CheckReport:
    """Every output's error against ``reference``, and the bound they must keep."""

    reference: str
    tolerance: float
    outputs: tuple[OutputError, ...]

    @property
    def error(self) -> float:
        """The worst output's."""
        return max(output.error for output in self.outputs)

    @property
    def ok(self) -> bool:
        """Whether every output is within the tolerance; NaN is not."""
        return not math.isnan(self.error) and self.error <= self.tolerance


def check(session: Session, bundle: Bundle) -> CheckReport:
    """Run the bundle's check input and compare with its reference outputs.

    Raises:
        BoardError: the model crashed or hung, or the board failed.
    """
    got = session.run(bundle.check_inputs())
    expected = bundle.manifest.check
    errors = tuple(
        OutputError(name, max_normalised_error(got[name], want, FAINT))
        for name, want in bundle.check_outputs().items()
    )
    return CheckReport(expected.reference, expected.tolerance, errors)
