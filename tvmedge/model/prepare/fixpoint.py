"""Fold, rewrite, and again, until nothing changes.

A rewrite makes constants that folding needs to see, and folding makes
constants that a rewrite waits for.
"""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir
from onnx_ir.passes import InPlacePass, PassResult

from tvmedge.model.prepare.fold import Fold

MAX_ROUNDS = 16


class Fixpoint(InPlacePass):
    """Folding and ``rewrites`` until none of them changes the model."""

    def __init__(self, rewrites: Sequence[InPlacePass]) -> None:
        super().__init__()
        self.rewrites = tuple(rewrites)

    def call(self, model: ir.Model) -> PassResult:
        Fold()(model)
        for _ in range(MAX_ROUNDS):
            changes = [rewrite(model).modified for rewrite in self.rewrites]
            if not any(changes):
                break
            Fold()(model)
        return PassResult(model, modified=True)
