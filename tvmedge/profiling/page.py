"""HTML pages that need nothing else, and what all their charts share."""

from __future__ import annotations

import math
from collections.abc import Iterable
from html import escape

STYLE = """
:root { color-scheme: light dark; --line: #0969da; --soft: #8884; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 960px; margin: 2em auto; padding: 0 1em; }
table { border-collapse: collapse; width: 100%; font-size: 13px; }
th, td { text-align: right; padding: 3px 8px; border-bottom: 1px solid var(--soft); }
th:first-child, td:first-child { text-align: left; overflow-wrap: anywhere; }
svg { width: 100%; height: auto; }
svg text { font-size: 11px; fill: currentColor; }
svg .y, svg .label { text-anchor: end; } svg .x { text-anchor: middle; }
.grid { stroke: var(--soft); }
details { margin: 6px 0; } summary { cursor: pointer; overflow-wrap: anywhere; }
code { font-size: 12px; }
"""

_TICKS = 5


def page(title: str, style: str, body: Iterable[str]) -> str:
    """A whole page; ``title`` is text, ``style`` comes after ``STYLE``, ``body`` is HTML."""
    named = escape(title)
    return "\n".join(
        [
            '<!doctype html><html lang="en"><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width">',
            f"<title>{named}</title><style>{STYLE}{style}</style>",
            f"<h1>{named}</h1>",
            *body,
            "</html>",
        ]
    )


def ticks(low: float, high: float) -> list[float]:
    """Some round values between two, of which ``high`` is the larger."""
    raw = (high - low) / _TICKS
    size = 10.0 ** math.floor(math.log10(raw))
    step = next(size * factor for factor in (1, 2, 5, 10) if size * factor >= raw)
    first = math.ceil(low / step - 1e-9)
    return [round(n * step, 10) for n in range(first, math.floor(high / step + 1e-9) + 1)]
