"""Which bytes of the workspace each tensor of a program takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tvmedge.compiler.library.plan import Lifetime, plan
from tvmedge.compiler.library.program import Home, Program, Tensor


@dataclass(frozen=True)
class Layout:
    """``tensors`` maps tensors of the workspace to offsets, ``scratch`` the place of a call
    to those of the buffers its kernel needs besides. Sizes are in bytes; ``peak`` lists the
    binding and size of what is alive where most is."""

    tensors: Mapping[Tensor, int]
    scratch: Mapping[int, tuple[int, ...]]
    nbytes: int
    lower_bound: int
    peak: tuple[tuple[str, int], ...]


def lay_out(program: Program, scratch: Mapping[str, tuple[int, ...]]) -> Layout:
    """Give every tensor of the workspace, and all scratch, a place.

    ``scratch`` has the sizes in bytes of each kernel's buffers.
    """
    names: list[str] = []
    buffers: list[Lifetime] = []
    tensors: dict[Tensor, int] = {}
    for tensor, (first, last) in _uses(program).items():
        tensors[tensor] = len(buffers)
        buffers.append(Lifetime(tensor.nbytes, first, last))
        names.append(program.calls[first].binding)
    private: dict[int, list[int]] = {}
    for index, call in enumerate(program.calls):
        for size in scratch.get(call.kernel, ()):
            private.setdefault(index, []).append(len(buffers))
            buffers.append(Lifetime(size, index, index))
            names.append(f"{call.kernel}'s own")
    made = plan(buffers)
    peak = (
        (name, buffer.nbytes)
        for name, buffer in zip(names, buffers, strict=True)
        if buffer.first <= made.peak_call <= buffer.last
    )
    return Layout(
        {tensor: made.offsets[index] for tensor, index in tensors.items()},
        {call: tuple(made.offsets[i] for i in indices) for call, indices in private.items()},
        made.nbytes,
        made.lower_bound,
        tuple(sorted(peak, key=lambda entry: -entry[1])),
    )


def _uses(program: Program) -> dict[Tensor, tuple[int, int]]:
    """The first and the last call that touch each tensor of the workspace."""
    uses: dict[Tensor, tuple[int, int]] = {}
    for index, tensor in _touched(program):
        first, _ = uses.get(tensor, (index, index))
        uses[tensor] = (first, index)
    return uses


def _touched(program: Program) -> Iterator[tuple[int, Tensor]]:
    for index, call in enumerate(program.calls):
        for tensor in call.arguments:
            if tensor.home is Home.WORKSPACE:
                yield index, tensor
