"""onnxscript's rewrite rules, each asked only about nodes that it can match.

before: Conv -> BatchNormalization
after:  Conv with other weights; and forty more

The library asks every rule about every node, and its one rule of two roots
(two Slices become a Split) looks through the whole graph each time: most of
the time that preparing a model took. That rule is left out.
"""

from __future__ import annotations

from typing import Any

import onnx_ir as ir
from onnx_ir.passes import PassBase
from onnxscript import rewriter


def library_rules() -> PassBase:
    """A pass of the rules that have one root."""
    rules = [rule for rule in rewriter._DEFAULT_REWRITE_RULES if _roots(rule) is not None]
    return rewriter.RewritePass([_Rooted(rule) for rule in rules])  # type: ignore[misc]


def _roots(rule: Any) -> tuple[str, str] | None:
    """Domain and operator of the node that the rule's pattern ends with, if it is one."""
    nodes = rule._target_pattern.output_nodes
    root = nodes[0].op_identifier() if len(nodes) == 1 else None
    return root[:2] if root else None


class _Rooted:
    """A rule that declines at once where the operator is another than its root's."""

    def __init__(self, rule: Any) -> None:
        self._rule = rule
        self._domain, self._operator = _roots(rule) or ("", "")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._rule, name)

    def try_rewrite(self, model: ir.Model, graph: Any, node: ir.Node, **options: Any) -> Any:
        if node.op_type != self._operator or node.domain != self._domain:
            return None
        return self._rule.try_rewrite(model, graph, node, **options)
