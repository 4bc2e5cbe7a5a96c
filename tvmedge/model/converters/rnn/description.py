"""A recurrent layer written down in its kernel, so that a kernel that fits a core can take
its place: the importer knows of no target.

before: layer
after:  '{"op": "LSTM", ...}', an attribute of the kernel
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
from tvm import tirx

from tvmedge.model.converters.rnn.attributes import Attributes
from tvmedge.model.converters.rnn.cells import Cells, GruCell, LstmCell, RnnCell
from tvmedge.model.converters.rnn.layer import Layer

ATTRIBUTE = "tvmedge.recurrent"


@dataclass(frozen=True)
class _Description:
    op: str
    flag: bool
    attributes: Attributes
    hidden: int
    given: dict[str, str]


def described(layer: Layer) -> str:
    """All of ``layer`` but the sizes that the kernel's buffers tell."""
    op, flag = _named(layer.cell)
    text = _Description(op, flag, layer.attributes, layer.hidden, dict(layer.given))
    return msgspec.json.encode(text).decode()


def layer_of(kernel: tirx.PrimFunc) -> Layer | None:
    """The layer that ``kernel`` computes, if it is a recurrent one."""
    text = (kernel.attrs or {}).get(ATTRIBUTE)
    if text is None:
        return None
    found = msgspec.json.decode(str(text), type=_Description)
    x = kernel.params[list(found.given).index("x")].ty
    first, second = (int(d) if isinstance(d, tirx.IntImm) else d for d in x.shape[:2])
    batch, steps = (first, second) if found.attributes.batch_first else (second, first)
    return Layer(
        _cell(found.op, found.flag),
        found.attributes,
        steps=steps,
        batch=batch,
        hidden=found.hidden,
        dtype=str(x.dtype),
        given=found.given,
    )


def _named(cell: object) -> tuple[str, bool]:
    if isinstance(cell, LstmCell):
        return "LSTM", cell.couple
    if isinstance(cell, GruCell):
        return "GRU", cell.linear_before_reset
    return "RNN", False


def _cell(op: str, flag: bool) -> Cells:
    if op == "LSTM":
        return LstmCell(flag)
    return GruCell(flag) if op == "GRU" else RnnCell()
