"""Charts of a profile, as SVG in a page of ``page.STYLE`` and ``STYLE``."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from tvmedge.profiling.page import ticks
from tvmedge.profiling.per_op import Operator, Role, Span

STYLE = """
.computes { fill: var(--line); } .moves, .copies { fill: #bf8700; }
.fallback, .beside { fill: #cf222e; } .runtime { fill: #8c959f; }
.curve { fill: none; stroke: var(--line); stroke-width: 1.5; }
.kernel { cursor: default; }
"""

_WIDTH = 920
_BAR, _NAME, _VALUE = 18, 400, 70
_SHOWN, _LONGEST = 30, 62
_LINE, _LEFT, _RIGHT, _TOP, _BOTTOM = 180, 62, 10, 10, 34


def bars(operators: Sequence[Operator]) -> str:
    """Kernels and their shares, those that take most first."""
    shown = operators[:_SHOWN]
    most = max((one.share for one in shown), default=0.0) or 1.0
    room = _WIDTH - _NAME - _VALUE
    rows = []
    for place, one in enumerate(shown):
        y = place * _BAR
        width = max(1.0, room * one.share / most)
        rows.append(
            f'<g class="kernel"><title>{escape(one.kernel)}</title>'
            f'<text class="y" x="{_NAME - 8}" y="{y + 13}">{escape(short(one.kernel))}</text>'
            f'<rect class="{_kind(one.role)}" x="{_NAME}" y="{y + 3}" width="{width:.1f}" '
            f'height="{_BAR - 6}"/>'
            f'<text x="{_NAME + width + 6:.1f}" y="{y + 13}">{one.share:.1%}</text></g>'
        )
    return _svg("share of each kernel", len(shown) * _BAR, rows)


def timeline(spans: Sequence[Span], roles: dict[str, Role]) -> str:
    """Calls from the first to the last; a title names each."""
    end = spans[-1].start_ms + spans[-1].milliseconds if spans else 0.0
    if end <= 0:
        return "<p>No time was measured.</p>"
    scale = (_WIDTH - 2 * _RIGHT) / end
    parts = [
        f'<rect class="{_kind(roles[span.kernel])}" x="{_RIGHT + span.start_ms * scale:.2f}" y="4" '
        f'width="{max(span.milliseconds * scale - 0.4, 0.2):.2f}" height="26">'
        f"<title>{escape(span.kernel)}: {span.milliseconds:.4f} ms</title></rect>"
        for span in spans
    ]
    parts += [
        f'<text class="x" x="{_RIGHT + at * scale:.1f}" y="46">{at:g}</text>'
        for at in ticks(0, end)
        if _RIGHT + at * scale < _WIDTH - 60
    ]
    parts.append(f'<text class="label" x="{_WIDTH - 4}" y="46">ms</text>')
    return _svg("calls of kernels over time", 52, parts)


def curve(title: str, points: Sequence[tuple[float, float]], units: tuple[str, str]) -> str:
    """A line through ``points``, from zero upwards; ``units`` are of the axes, across and up."""
    if len(points) < 2:
        return f"<p>{escape(title)}: too few points to draw.</p>"
    end, top = points[-1][0] or 1.0, max(y for _, y in points) * 1.05 or 1.0

    def x(value: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * value / end

    def y(value: float) -> float:
        return _TOP + (_LINE - _TOP - _BOTTOM) * (1 - value / top)

    line = "L".join(f"{x(a):.1f},{y(b):.1f}" for a, b in points)
    parts = [
        *(
            f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y(at):.1f}" '
            f'y2="{y(at):.1f}"/><text class="y" x="{_LEFT - 6}" y="{y(at) + 4:.1f}">{at:g}</text>'
            for at in ticks(0, top)
        ),
        *(
            f'<text class="x" x="{x(at):.1f}" y="{_LINE - _BOTTOM + 15}">{at:g}</text>'
            for at in ticks(0, end)
        ),
        f'<path class="curve" d="M{line}"/>',
        f'<text class="label" x="{_WIDTH - _RIGHT}" y="{_LINE - 4}">'
        f"{escape(units[1])} over {escape(units[0])}</text>",
    ]
    return _svg(title, _LINE, parts)


def short(kernel: str) -> str:
    """Names of fused kernels list all that was fused."""
    return kernel if len(kernel) <= _LONGEST else f"{kernel[: _LONGEST - 3]}..."


def _kind(role: Role) -> str:
    return role.name.lower()


def _svg(title: str, height: int, parts: Sequence[str]) -> str:
    label = escape(title, quote=True)
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{label}">'
        f"{''.join(parts)}</svg>"
    )
