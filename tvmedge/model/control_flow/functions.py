"""Private functions of the module: their parameters, and the sizes that are open in them.

A symbolic dimension belongs to one function. A private function gets its own
variable for each, and all of them as one more argument, a shape:

    main(x: [N, 4]):            step(x, shape(N))
    step(x: [n, 4], shape(n)):  ...
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tvm import relax, tirx
from tvm.ir import GenericConst, GlobalVar, Type

Arguments = Sequence[relax.Expr]
Emit = Callable[["Inside"], relax.Expr]


@dataclass(frozen=True)
class Inside:
    """What the body of a private function sees: its ``params``, those of its
    environment by name, and its own variables for the open sizes. It may add
    params when it knows their types, ``first`` and ``more``, before and after ``params``."""

    params: tuple[relax.Expr, ...]
    environment: Mapping[str, relax.Expr]
    symbols: Mapping[tirx.Var, tirx.Var]
    first: list[relax.Var] = field(default_factory=list)
    more: list[relax.Var] = field(default_factory=list)

    def outside(self, type_: Type) -> Type:
        """``type_`` in the variables of the function around."""
        return renamed(type_, {own: outer for outer, own in self.symbols.items()})

    def within(self, type_: Type) -> Type:
        """``type_`` of the function around in the variables of this one."""
        return renamed(type_, self.symbols)

    @property
    def arguments(self) -> tuple[relax.Expr, ...]:
        """What a function of the same environment is called with after its params."""
        passed = [value for value in self.environment.values() if isinstance(value, relax.Var)]
        return (*passed, *sizes(self.symbols.values()))


@dataclass(frozen=True)
class Environment:
    """What private functions take from around them: tensors are passed,
    constants and shapes are written again where they are used."""

    values: Mapping[str, relax.Expr]
    symbols: tuple[tirx.Var, ...]

    @property
    def arguments(self) -> tuple[relax.Expr, ...]:
        """The arguments outside."""
        return (*filter(_is_passed, self.values.values()), *sizes(self.symbols))

    def function(
        self, bb: relax.BlockBuilder, name: str, types: Sequence[Type], emit: Emit
    ) -> GlobalVar:
        """Define ``name(params of types, environment)``; it returns what
        ``emit`` returns."""
        fresh = {symbol: tirx.Var(symbol.name, symbol.ty) for symbol in self.symbols}
        params = [relax.Var(f"p{k}", renamed(type_, fresh)) for k, type_ in enumerate(types)]
        environment = {
            key: relax.Var(key, renamed(value.ty, fresh))
            if _is_passed(value)
            else _written_again(value, fresh)
            for key, value in self.values.items()
        }
        passed = [value for value in environment.values() if isinstance(value, relax.Var)]
        shape = [relax.Var("sizes", relax.ShapeType(list(fresh.values())))] if fresh else []
        scope = [*params, *passed, *shape]
        inside = Inside(tuple(params), environment, fresh)
        with bb.function(name, private=True):
            bb.begin_scope(scope)
            try:
                result = bb.normalize(emit(inside))
            except BaseException:
                bb._end_block()
                bb.end_scope()
                raise
            finally:
                bb.end_scope()
            return bb.emit_func_output(
                result, [*inside.first, *params, *inside.more, *passed, *shape]
            )


def environment(values: Mapping[str, relax.Expr], types: Iterable[Type]) -> Environment:
    """``values``, and every open size in them and in ``types``."""
    shapes = [relax.ShapeType(v.values) for v in values.values() if isinstance(v, relax.ShapeExpr)]
    given = [value.ty for value in values.values() if _is_passed(value)]
    symbols: dict[tirx.Var, None] = {}
    for type_ in (*types, *given, *shapes):
        symbols.update(dict.fromkeys(relax.analysis.tir_vars_in_type(type_)))
    return Environment(values, tuple(symbols))


def sizes(symbols: Iterable[tirx.Var]) -> tuple[relax.Expr, ...]:
    """The argument that carries open sizes, if there are any."""
    values = list(symbols)
    return (relax.ShapeExpr(values),) if values else ()


def renamed(type_: Type, symbols: Mapping[tirx.Var, tirx.Var]) -> Type:
    """``type_`` in another function's variables."""
    return relax.analysis.erase_to_well_defined(type_, dict(symbols))


def _is_passed(value: relax.Expr) -> bool:
    return not isinstance(value, GenericConst | relax.ShapeExpr)


def _written_again(value: relax.Expr, symbols: Mapping[tirx.Var, tirx.Var]) -> relax.Expr:
    if isinstance(value, relax.ShapeExpr):
        return relax.ShapeExpr(renamed(relax.ShapeType(value.values), symbols).values)
    return value
