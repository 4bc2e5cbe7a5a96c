"""Reshape, Expand and Tile to shapes that hold symbols.

Reshape(x, [N, -1]) with x: float[N, 3, 8]      float[N, 24]
Expand(x, [N, 5])   with x: float[1, 5]         float[N, 5]
"""

from __future__ import annotations

from tvm import relax

from tvmedge.model.converters.node import Node
from tvmedge.model.converters.open.agreement import cast, same
from tvmedge.model.converters.open.sizes import dims_of, require_zero, shape, sizes_of, tensor_of
from tvmedge.model.symbolic import Size


def reshape(bb: relax.BlockBuilder, node: Node) -> relax.Expr:
    """Reshape(x, shape, allowzero); that no element is lost is checked at run time where
    it does not follow from the symbols."""
    own, target = dims_of(node), list(sizes_of(node, 1, "target shape"))
    symbols = node.symbols
    if not node.attributes.get("allowzero", 0):
        target = [_kept(own, k) if t == 0 else t for k, t in enumerate(target)]
    inferred = [k for k, t in enumerate(target) if isinstance(t, int) and t == -1]
    if any(t not in (-1,) and not symbols.proves(t >= 0) for t in target):
        raise ValueError("its target shape may be negative for some sizes")
    total = symbols.product(own)
    given = symbols.product(t for k, t in enumerate(target) if k not in inferred)
    why = f"a tensor of {total} elements does not fit its target shape"
    if not inferred:
        require_zero(bb, node, total - given, why)
    else:
        rest = symbols.quotient(total, given)
        if rest is None or len(inferred) > 1:
            raise ValueError("the dimension given as -1 cannot be told from the others")
        target[inferred[0]] = rest
        require_zero(bb, node, total - rest * given, why)
    return relax.op.reshape(node.inputs[0], shape(target))


def _kept(own: tuple[Size, ...], index: int) -> Size:
    if index >= len(own):
        raise ValueError(f"its target shape keeps dimension {index} of a tensor of {len(own)}")
    return own[index]


def flatten(bb: relax.BlockBuilder, node: Node) -> relax.Expr:
    """Flatten(x, axis)"""
    own = dims_of(node)
    axis = int(node.attributes.get("axis", 1))
    axis += len(own) if axis < 0 else 0
    product = node.symbols.product
    return relax.op.reshape(node.inputs[0], shape([product(own[:axis]), product(own[axis:])]))


def expand(bb: relax.BlockBuilder, node: Node) -> relax.Expr:
    """Expand(x, shape)"""
    x, own, target = tensor_of(node), dims_of(node), sizes_of(node, 1, "target shape")
    rank = max(len(own), len(target))
    own = (1,) * (rank - len(own)) + own
    target = (1,) * (rank - len(target)) + target
    pairs = list(zip(own, target, strict=True))
    wide = [a if _is_one(b) else b if _is_one(a) else same(node, b, a) for a, b in pairs]
    fitted = [a if _is_one(a) else w for a, w in zip(own, wide, strict=True)]
    x = cast(bb, node, x, own[rank - x.ty.ndim :], fitted[rank - x.ty.ndim :])
    if str(x.ty.dtype) == "bool":
        as_bytes = bb.normalize(relax.op.astype(x, "int8"))
        spread = bb.normalize(relax.op.broadcast_to(as_bytes, shape(wide)))
        return relax.op.astype(spread, "bool")
    return relax.op.broadcast_to(x, shape(wide))


def _is_one(size: Size) -> bool:
    return isinstance(size, int) and size == 1


def tile(bb: relax.BlockBuilder, node: Node) -> relax.Expr:
    """Tile(x, repeats) as Expand between two Reshapes."""
    own, repeats = dims_of(node), sizes_of(node, 1, "repeats")
    pairs = list(zip(repeats, own, strict=True))
    apart = bb.normalize(relax.op.reshape(node.inputs[0], shape([s for d in own for s in (1, d)])))
    wide = bb.normalize(relax.op.broadcast_to(apart, shape([s for pair in pairs for s in pair])))
    return relax.op.reshape(wide, shape([node.symbols.size(r * d) for r, d in pairs]))
