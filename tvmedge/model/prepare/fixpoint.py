"""Fold, rewrite, and again, until nothing changes.

A rewrite makes constants that folding needs to see, and folding makes
constants that a rewrite waits for.
"""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir
from onnx_ir.passes import InPlacePass, PassResult

from tvmedge.model.prepare.fold import Fold
from tvmedge.model.prepare.rewrite import NodeRewrite

MAX_ROUNDS = 16


class Fixpoint(InPlacePass):
    """Folding and ``rewrites`` until none of them changes the model."""

    def __init__(self, rewrites: Sequence[InPlacePass]) -> None:
        super().__init__()
        self.rewrites = tuple(rewrites)

    def call(self, model: ir.Model) -> PassResult:
        Fold()(model)
        for _ in range(MAX_ROUNDS):
            if not self._round(model):
                break
            Fold()(model)
        return PassResult(model, modified=True)

    def _round(self, model: ir.Model) -> bool:
        """Every rewrite once, without those whose operators the model has not."""
        modified, present = False, _operators(model)
        for rewrite in self.rewrites:
            if isinstance(rewrite, NodeRewrite) and not rewrite.wanted & present:
                continue
            if rewrite(model).modified:
                modified, present = True, _operators(model)
        return modified


def _operators(model: ir.Model) -> frozenset[tuple[str, str]]:
    return frozenset((node.domain, node.op_type) for node in model.graph.all_nodes())
