"""Values that pass between a control-flow node and its functions."""

from __future__ import annotations

from typing import Any

from tvm import ir, relax, sym


def tensor(value: Any) -> relax.Expr:
    """``value``, which can be passed on.

    Raises:
        ValueError: it is a sequence, an optional, or of a shape that data decides.
    """
    type_ = getattr(value, "ty", None)
    if not isinstance(type_, relax.TensorType):
        raise ValueError("it passes on a sequence or an optional: only tensors can be")
    if not isinstance(type_.shape, relax.ShapeExpr):
        raise ValueError("it passes on a tensor whose shape depends on the data")
    return value


def scalar(bb: relax.BlockBuilder, value: Any) -> relax.Expr:
    """A tensor of one element, without dimensions."""
    value = tensor(value)
    return bb.normalize(relax.op.reshape(value, [])) if value.ty.ndim else value


def known(value: relax.Expr | None) -> int | None:
    """The only element of a constant, else None."""
    if not isinstance(value, ir.GenericConst):
        return None
    return int(value.value.numpy().item())


def same(a: ir.Type, b: ir.Type) -> bool:
    """Whether two types of tensors are one."""
    return (
        str(a.dtype) == str(b.dtype)
        and len(a.shape) == len(b.shape)
        and all(equal(x, y) for x, y in zip(a.shape, b.shape, strict=True))
    )


def equal(a: Any, b: Any) -> bool:
    """Whether two sizes are one, whatever the open dimensions are."""
    return bool(sym.Analyzer().can_prove_equal(a, b))


def result(bb: relax.BlockBuilder, tuple_: relax.Expr, count: int) -> relax.Expr:
    """The first ``count`` values of a tuple, as the importer takes them."""
    values = [bb.emit(relax.TupleGetItem(tuple_, k)) for k in range(count)]
    return values[0] if count == 1 else relax.Tuple(values)
