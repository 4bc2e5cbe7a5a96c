"""What the handlers of operators know while a function is rewritten."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import tvm
from tvm import relax

from tvmedge.compiler.passes.blocked.images import image_shape
from tvmedge.compiler.passes.blocked.layout import Blocked, Layout, static_shape


@dataclass
class Context:
    """Values of the function so far, by the variable the original function has for them.

    ``values`` holds those in blocks and in no other form; ``packed`` and ``plain``
    the copies made for those who needed the other layout; ``channels_last`` the
    [N, H, W, C] that a value is a transposition of.
    """

    layout: Layout
    visit: Callable[[relax.Expr], relax.Expr]
    values: dict[relax.Var, Blocked] = field(default_factory=dict)
    packed: dict[relax.Var, Blocked] = field(default_factory=dict)
    plain: dict[relax.Var, relax.Expr] = field(default_factory=dict)
    channels_last: dict[relax.Var, relax.Expr] = field(default_factory=dict)

    def is_blocked(self, expr: relax.Expr) -> bool:
        """Whether ``expr`` of the original function lives in blocks."""
        return expr in self.values

    def blocked(self, expr: relax.Expr) -> Blocked:
        """``expr`` of the original function in blocks, packed now if it was not."""
        if expr in self.values:
            return self.values[expr]
        if expr not in self.packed:
            self.packed[expr] = self.layout.pack(self.image(expr))
        return self.packed[expr]

    def unpacked(self, variable: relax.Var) -> relax.Expr:
        """The plain form of a value in blocks."""
        if variable not in self.plain:
            self.plain[variable] = self.unpack(self.values[variable], variable)
        return self.plain[variable]

    def unpack(self, value: Blocked, variable: relax.Var) -> relax.Expr:
        """The plain form of ``value``, of the sizes that ``variable`` has."""
        plain = self.layout.unpack(value)
        shape = static_shape(variable)
        return plain if shape == value.shape else self.emit(relax.op.reshape(plain, shape))

    def image(self, expr: relax.Expr) -> relax.Expr:
        """``expr`` of the original function in the plain layout, as an image."""
        shape = image_shape(expr)
        plain = self.visit(expr)
        return plain if shape == static_shape(expr) else self.emit(relax.op.reshape(plain, shape))

    def emit(self, expr: relax.Expr) -> relax.Var:
        """Bind ``expr`` in the new function."""
        return self.layout.builder.emit(expr)

    def remember(self, binding: relax.VarBinding) -> None:
        """Note a transposition [N, H, W, C] -> [N, C, H, W]."""
        value = binding.value
        if (
            isinstance(value, relax.Call)
            and isinstance(value.op, tvm.ir.Op)
            and value.op.name == "relax.permute_dims"
            and [int(axis) for axis in value.attrs.axes or ()] == [0, 3, 1, 2]
            and static_shape(value.args[0])
        ):
            self.channels_last[binding.var] = self.visit(value.args[0])
