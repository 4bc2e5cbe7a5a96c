"""What the handlers of operators know while a function is rewritten."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import tvm
from tvm import relax

from tvmedge.compiler.passes.blocked.images import open_image
from tvmedge.compiler.passes.blocked.layout import Blocked, Layout, open_sizes
from tvmedge.scheduling.knobs import Defaults, Knobs
from tvmedge.targeting.core import DotKind
from tvmedge.types import Winograd


@dataclass
class Context:
    """Values of the function so far, by the variable the original function has for them.

    ``values`` holds those in blocks and in no other form; ``packed`` (by the groups of
    their channels) and ``plain`` the copies made for those who needed another layout;
    ``bindings`` what the original function binds its variables to; ``winograd`` is what
    convolutions may run by, which ``knobs`` may choose.
    """

    layout: Layout
    visit: Callable[[relax.Expr], relax.Expr]
    winograd: Winograd = Winograd.OFF
    knobs: Knobs = field(default_factory=Defaults)
    values: dict[relax.Var, Blocked] = field(default_factory=dict)
    packed: dict[tuple[relax.Var, int], Blocked] = field(default_factory=dict)
    plain: dict[relax.Var, relax.Expr] = field(default_factory=dict)
    bindings: dict[relax.Var, relax.Expr] = field(default_factory=dict)

    def is_blocked(self, expr: relax.Expr) -> bool:
        """Whether ``expr`` of the original function lives in blocks."""
        return expr in self.values

    def any_blocked(self, expr: relax.Expr) -> Blocked:
        """``expr`` of the original function in blocks, its channels in whatever groups."""
        return self.values[expr] if expr in self.values else self.blocked(expr)

    def blocked(self, expr: relax.Expr, groups: int = 1) -> Blocked:
        """``expr`` of the original function in blocks, each of ``groups`` beginning one."""
        shape = open_image(expr)
        assert shape is not None
        groups = self.layout.blocks(shape[1], groups).groups
        value = self.values.get(expr)
        if value is not None and value.groups == groups:
            return value
        if (expr, groups) not in self.packed:
            self.packed[expr, groups] = (
                self.layout.pack(self.image(expr), groups)
                if value is None
                else self.layout.gather(value, shape[1], groups)
            )
        return self.packed[expr, groups]

    def unpacked(self, variable: relax.Var) -> relax.Expr:
        """The plain form of a value in blocks."""
        if variable not in self.plain:
            self.plain[variable] = self.unpack(self.values[variable], variable)
        return self.plain[variable]

    def unpack(self, value: Blocked, variable: relax.Var) -> relax.Expr:
        """The plain form of ``value``, of the sizes that ``variable`` has."""
        plain = self.layout.unpack(value)
        shape = open_sizes(variable)
        return plain if shape == value.shape else self.emit(relax.op.reshape(plain, shape))

    def image(self, expr: relax.Expr) -> relax.Expr:
        """``expr`` of the original function in the plain layout, as an image."""
        shape = open_image(expr)
        plain = self.visit(expr)
        return plain if shape == open_sizes(expr) else self.emit(relax.op.reshape(plain, shape))

    def emit(self, expr: relax.Expr) -> relax.Var:
        """Bind ``expr`` in the new function."""
        return self.layout.builder.emit(expr)

    def made_by(self, expr: relax.Expr, name: str) -> relax.Call | None:
        """The call of the operator ``name`` that ``expr`` is bound to, if it is."""
        value = self.bindings.get(expr)
        if isinstance(value, relax.Call) and isinstance(value.op, tvm.ir.Op):
            return value if value.op.name == name else None
        return None


def in_fours(context: Context) -> bool:
    """Whether a vector of the core holds the bytes of four pixels of a block."""
    unit = context.layout.core.integer
    return unit is not None and unit.kind is DotKind.VRMPY
