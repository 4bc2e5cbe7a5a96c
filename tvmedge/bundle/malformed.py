"""What is wrong with a bundle's bytes, before it is known whose bundle it is."""

from __future__ import annotations


class MalformedError(ValueError):
    """A part of a bundle breaks the format; the message is a clause without path.

    Reading turns it into an ``InputError`` that names the file and adds the
    ``advice``; while writing it is a mistake of the caller.
    """

    def __init__(self, problem: str, advice: str = "copy or build it again") -> None:
        super().__init__(problem)
        self.advice = advice
