"""Operators that we import to Relax ourselves, in place of or beside TVM's importer.

One operator (or family) a file. What ONNX's own primitives can express is a
rewrite in ``prepare`` instead; here is what needs Relax or TIR of ours.
"""

from __future__ import annotations

from collections.abc import Mapping

from tvmedge.model.converters.matmul import matmul
from tvmedge.model.converters.node import Converter, Node
from tvmedge.model.converters.open import resize
from tvmedge.model.converters.operators import OPERATORS
from tvmedge.model.converters.rnn import gru, lstm, rnn

__all__ = ["CONVERTERS", "Converter", "Node"]

CONVERTERS: Mapping[str, Converter] = {
    **OPERATORS,
    "GRU": gru,
    "LSTM": lstm,
    "MatMul": matmul,
    "RNN": rnn,
    "Resize": resize,
}
