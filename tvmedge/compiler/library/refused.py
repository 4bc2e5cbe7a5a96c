"""Why a model is no freestanding library."""

from __future__ import annotations

from tvmedge.errors import InputError


class NotStraightLineError(InputError):
    """The model needs TVM's runtime; ``node`` says which of its nodes, and why."""

    def __init__(self, binding: str, reason: str) -> None:
        self.node = f"'{binding}' {reason}"
        super().__init__(
            f"The model cannot be a freestanding library: {self.node}; compile it with --form vm."
        )
