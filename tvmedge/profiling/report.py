"""``tvmedge profile --report``: profiles of one bundle as one HTML file that needs nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape

from tvmedge.profiling import charts
from tvmedge.profiling.facts import facts
from tvmedge.profiling.latency import Profile
from tvmedge.profiling.page import page
from tvmedge.profiling.per_op import Operator, PerOp, Role
from tvmedge.profiling.statistics import percentile

_NOT_KNOWN = "-"


def report(profiles: Sequence[Profile], lost: Mapping[str, str] | None = None) -> str:
    """The page, in UTF-8; ``lost`` says by board why there is no profile of it."""
    lost = lost or {}
    named = profiles[0].bundle.manifest if profiles else None
    title = f"{named.model.name} for {named.target.name}, profiled" if named else "No profile"
    body = []
    if len(profiles) + len(lost) > 1:
        body.append(_boards(profiles))
    body += [f"<p>{escape(board)}: {escape(why)}</p>" for board, why in lost.items()]
    for profile in profiles:
        body += _board(profile)
    return page(title, charts.STYLE, body)


def _boards(profiles: Sequence[Profile]) -> str:
    rows = [
        (
            str(one.board),
            *(f"{percentile(one.latency.samples_ms, p):.3f}" for p in (50, 90, 99)),
            f"{one.latency.cold_start_ms:.0f}",
            _memory(one),
            "passed" if one.check.ok else "FAILED",
        )
        for one in profiles
    ]
    heads = ("board", "p50, ms", "p90", "p99", "cold start, ms", "memory, MB", "check")
    return _table(heads, rows)


def _board(profile: Profile) -> list[str]:
    samples = profile.latency.samples_ms
    checked = f"check {'passed' if profile.check.ok else 'FAILED'}"
    said = [f"{fact[0].upper()}{fact[1:]}." for fact in (*facts(profile), checked)]
    parts = [f"<h2>{escape(str(profile.board))}</h2>", *map(_paragraph, said)]
    times = [(float(run), milliseconds) for run, milliseconds in enumerate(samples, start=1)]
    parts += ["<h3>Runs</h3>", charts.curve("time of each run", times, ("runs", "ms"))]
    if profile.per_op is not None:
        parts += _kernels(profile.per_op)
    parts.append("<h3>Memory</h3>")
    if profile.memory:
        points = [(point.seconds, point.kib / 1024) for point in profile.memory]
        parts.append(charts.curve("resident memory", points, ("seconds", "MB")))
    else:
        parts.append(_paragraph("A stock RPC server does not tell its memory over time."))
    return parts


def _kernels(found: PerOp) -> list[str]:
    what = f"counted {found.counted}" if found.counted else "time"
    moves = found.share(Role.MOVES, Role.COPIES)
    behind = found.share(Role.FALLBACK, Role.BESIDE)
    roles = {one.kernel: one.role for one in found.operators}
    heads = ("kernel", "calls", "share", "ms", "GOP/s", "MB moved", "of roofline", "what it does")
    return [
        "<h3>Kernels</h3>",
        _paragraph(
            f"Shares are of {what}. {moves:.1%} moves data, {behind:.1%} falls back; kernels take "
            f"{found.total_ms:.3f} ms together. Roofline: {found.roofline.source}."
        ),
        *([_paragraph(f"Among them {found.copies}.")] if found.copies else []),
        charts.bars(found.operators),
        "<h3>Timeline</h3>",
        charts.timeline(found.timeline, roles),
        f"<details><summary>All {len(found.operators)} kernels</summary>"
        f"{_table(heads, map(_row, found.operators))}</details>",
    ]


def _row(one: Operator) -> tuple[str, ...]:
    moved = None if one.moved_bytes is None else one.moved_bytes / 2**20
    return (
        one.kernel,
        str(one.calls),
        f"{one.share:.1%}",
        f"{one.milliseconds:.4f}",
        _known(one.gops, ".2f"),
        _known(moved, ".2f"),
        _known(one.roofline, ".0%"),
        one.role.value,
    )


def _known(value: float | None, form: str) -> str:
    return _NOT_KNOWN if value is None else format(value, form)


def _memory(profile: Profile) -> str:
    return _known(None if profile.memory_kib is None else profile.memory_kib / 1024, ".1f")


def _paragraph(text: str) -> str:
    return f"<p>{escape(text)}</p>"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
