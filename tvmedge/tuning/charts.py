"""A line that only falls, as SVG in a page of its own style."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from tvmedge.profiling.page import ticks
from tvmedge.tuning.standing import Point

_WIDTH, _HEIGHT = 420, 200
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 8, 10, 34


@dataclass(frozen=True)
class Axis:
    """What the horizontal axis is: its ``label``, where a point is on it, and its ``end``."""

    label: str
    of: Callable[[Point], float]
    end: float


def step_chart(title: str, curve: Sequence[Point], untuned: float, axis: Axis) -> str:
    """``curve`` over ``axis``, in shares of ``untuned``, which is drawn as a dashed line."""
    if not curve or untuned <= 0:
        return f"<p>{escape(title)}: nothing to draw yet.</p>"
    shares = [point.cost / untuned for point in curve]
    bottom, top = _rounded(min([1.0, *shares]), max([1.0, *shares]))
    end = max(axis.end, axis.of(curve[-1])) or 1.0  # trial 0 is all there is

    def x(value: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * value / end

    def y(share: float) -> float:
        return _TOP + (_HEIGHT - _TOP - _BOTTOM) * (top - share) / (top - bottom)

    path = [f"M{x(axis.of(curve[0])):.1f},{y(shares[0]):.1f}"]
    for point, share in zip(curve[1:], shares[1:], strict=True):
        path.append(f"H{x(axis.of(point)):.1f}V{y(share):.1f}")
    path.append(f"H{x(end):.1f}")
    parts = [
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(title, True)}">',
        *(_tick_y(y(share), f"{share:.2f}") for share in ticks(bottom, top)),
        *(_tick_x(x(value), f"{value:g}") for value in ticks(0, end)),
        f'<line class="untuned" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y(1):.1f}" '
        f'y2="{y(1):.1f}"/>',
        f'<path class="best" d="{"".join(path)}"/>',
        f'<text class="label" x="{_WIDTH - _RIGHT}" y="{_HEIGHT - 4}">{escape(axis.label)}</text>',
        "</svg>",
    ]
    return "".join(parts)


def _tick_y(at: float, text: str) -> str:
    grid = f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>'
    return f'{grid}<text class="y" x="{_LEFT - 6}" y="{at + 4:.1f}">{text}</text>'


def _tick_x(at: float, text: str) -> str:
    return f'<text class="x" x="{at:.1f}" y="{_HEIGHT - _BOTTOM + 15}">{text}</text>'


def _rounded(low: float, high: float) -> tuple[float, float]:
    """Bounds around two shares that leave room, in twentieths."""
    bottom, top = math.floor(low * 20 - 0.2) / 20, math.ceil(high * 20 + 0.2) / 20
    return max(bottom, 0.0), top
