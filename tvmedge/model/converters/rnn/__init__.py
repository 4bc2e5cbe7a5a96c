"""LSTM, GRU and RNN as a matrix product and one kernel with a loop over time.

before: Y, Y_h, Y_c = LSTM(X, W, R, B, ...)
after:  x = X * W^T + B                   one ordinary product for all steps
        Y, Y_h, Y_c = call_tir(lstm, x, R, ...)
                                          in parallel over direction and batch:
                                          for each step: x[t] + h * R^T, the cell

The graph and the code are the same for 10 steps and for 1,000. The kernel is for no core
in particular; ``layer_of`` reads it, so that the lowering can give it a ``Tile``.
"""

from __future__ import annotations

from tvmedge.model.converters.rnn.convert import gru, lstm, rnn
from tvmedge.model.converters.rnn.description import layer_of
from tvmedge.model.converters.rnn.kernel import recurrent_kernel
from tvmedge.model.converters.rnn.layer import Layer
from tvmedge.model.converters.rnn.tile import LANES, Share, Tile

__all__ = [
    "LANES",
    "Layer",
    "Share",
    "Tile",
    "gru",
    "layer_of",
    "lstm",
    "recurrent_kernel",
    "rnn",
]
