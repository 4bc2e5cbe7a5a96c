"""Arguments to try a kernel with: buffers between red zones, filled with random and edge values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import tvm
from tvm import tirx
from tvm.ir.expr import TensorLoad
from tvm.sym import Analyzer
from tvm.tirx.buffer import BufferType
from tvm_ffi import from_dlpack, structural_walk

from tvmedge.dtypes import carrier

Array = npt.NDArray[Any]
Draw = Callable[[np.random.Generator, int], npt.NDArray[np.float64]]

_ALIGNMENT = 64
_ZONE = 256  # bytes on either side that nobody may write
_PATTERN = 0xA5


class Guarded:
    """An array whose memory has a red zone on either side."""

    def __init__(self, content: Array) -> None:
        self._memory = np.full(content.nbytes + 2 * _ZONE + _ALIGNMENT, _PATTERN, np.uint8)
        self._start = _ZONE + -(self._memory.ctypes.data + _ZONE) % _ALIGNMENT
        self._stop = self._start + content.nbytes
        self._dtype, self._shape = content.dtype, content.shape
        self._memory[self._start : self._stop] = (
            np.ascontiguousarray(content).view(np.uint8).ravel()
        )

    @property
    def array(self) -> Array:
        """The content."""
        return self._memory[self._start : self._stop].view(self._dtype).reshape(self._shape)

    @property
    def tensor(self) -> Any:
        """The content as TVM takes it; none is copied."""
        flat = from_dlpack(self._memory[self._start : self._stop])
        view = tvm.get_global_func("runtime.TVMTensorCreateView")
        return view(flat, tvm.runtime.ShapeTuple(self._shape), self._dtype.name, 0)

    @property
    def intact(self) -> bool:
        """Whether the red zones are as they were."""
        zones = (self._memory[: self._start], self._memory[self._stop :])
        return all(bool((zone == _PATTERN).all()) for zone in zones)


@dataclass(frozen=True)
class Trial:
    """What a kernel is tried with: ``draw`` makes float values, and every size that
    is only known at run time is ``size``."""

    name: str
    draw: Draw
    size: int


def _positive(random: np.random.Generator, count: int) -> npt.NDArray[np.float64]:
    return random.random(count)


def _edges(random: np.random.Generator, count: int) -> npt.NDArray[np.float64]:
    """Mostly -1 to 1, among them zeros of both signs, tiny and large values."""
    values = random.uniform(-1, 1, count)
    special = np.array([0.0, -0.0, 1.0, -1.0, 1e-30, -1e-30, 60.0, -60.0])
    places = random.random(count) < 0.3
    values[places] = random.choice(special, int(places.sum()))
    return values


TRIALS = (Trial("random", _positive, 5), Trial("edge", _edges, 17))


def arguments(func: tirx.PrimFunc, trial: Trial, seed: int) -> list[Array | int]:
    """Contents of every parameter, results among them.

    Where ``func`` finds places in a buffer by integers, all integers are places of the
    smallest axis: one may get there through another.

    Raises:
        ValueError: a parameter is neither a buffer nor a size, or a size comes out negative.
    """
    random = np.random.default_rng(seed)
    sizes = dict.fromkeys(_unknown(func), trial.size)
    buffers = [p for p in func.params if isinstance(p.ty, BufferType)]
    shapes = {p: _shape(p.ty.shape, sizes) for p in buffers}
    least = min((axis for shape in shapes.values() for axis in shape), default=1)
    bound = max(least, 1) if _finds_places(func) else 100
    result: list[Array | int] = []
    for param in func.params:
        if param in shapes:
            dtype = carrier(str(param.ty.dtype))
            count = int(np.prod(shapes[param], dtype=np.int64))
            if dtype.kind in "iub":
                limit = 2 if dtype.kind == "b" else bound
                content = random.integers(0, limit, count).astype(dtype)
            else:
                content = trial.draw(random, count).astype(dtype)
            result.append(content.reshape(shapes[param]))
        elif param in sizes:
            result.append(trial.size)
        else:
            raise ValueError(f"its parameter {param} is no buffer")
    return result


def _unknown(func: tirx.PrimFunc) -> list[tirx.Var]:
    """Sizes that are only known at run time."""
    found: list[tirx.Var] = [p for p in func.params if not isinstance(p.ty, BufferType)]
    for param in func.params:
        if isinstance(param.ty, BufferType):
            for size in param.ty.shape:
                found += tirx.analysis.undefined_vars(size)
    return found


def _shape(sizes: Sequence[tvm.ir.Expr], known: dict[tirx.Var, int]) -> tuple[int, ...]:
    analyzer = Analyzer()
    for variable, value in known.items():
        analyzer.bind(variable, tirx.const(value, str(variable.ty.dtype)))
    shape = tuple(int(analyzer.simplify(size)) for size in sizes)
    if any(size < 0 for size in shape):
        raise ValueError(f"its shape {shape} is impossible")
    return shape


def _finds_places(func: tirx.PrimFunc) -> bool:
    """Whether any index is read from a buffer."""
    found: list[TensorLoad] = []

    def look(place: TensorLoad | tirx.BufferStore) -> None:
        for index in place.indices:
            structural_walk(index, (TensorLoad, found.append))

    structural_walk(func.body, ((TensorLoad, tirx.BufferStore), look))
    return bool(found)
