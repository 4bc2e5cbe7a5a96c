"""LSTM, GRU and RNN as a matrix product and one kernel with a loop over time.

before: Y, Y_h, Y_c = LSTM(X, W, R, B, ...)
after:  x = X * W^T + B                   one ordinary product for all steps
        Y, Y_h, Y_c = call_tir(lstm, x, R, ...)
                                          in parallel over direction and batch:
                                          for each step: x[t] + h * R^T, the cell

The graph and the code are the same for 10 steps and for 1,000.
"""

from __future__ import annotations

from tvmedge.model.converters.rnn.convert import gru, lstm, rnn

__all__ = ["gru", "lstm", "rnn"]
