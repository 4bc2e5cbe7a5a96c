"""``profile --per-op``: where a run's time goes, as a table."""

from __future__ import annotations

from tvmedge.cli.output import Output
from tvmedge.profiling.charts import short
from tvmedge.profiling.per_op import Operator, PerOp, Role
from tvmedge.types import PACKETS_IGNORE

_SHOWN = 20


def say_per_op(output: Output, found: PerOp, p50_ms: float, *, emulated: bool) -> None:
    """A line a kernel, those that take most first; then what is not arithmetic. ``p50_ms`` is
    what a run takes that nobody watches."""
    what = "time"
    if found.counted:
        ignored = PACKETS_IGNORE if found.counted == "packets" else "which ignore stalls and caches"
        what = f"{found.counted} counted by the emulator ({ignored})"
    elif emulated:
        what = "an emulator's time, which says nothing about the device"
    output.say(
        f"kernels by {what}, medians of {found.runs} runs; {found.total_ms:.3f} ms together "
        f"(a run that nobody watches: {p50_ms:.3f})"
    )
    output.say(f"  {'share':>6} {'ms':>9} {'GOP/s':>8} {'MB':>8} {'roof':>5}  kernel")
    for one in found.operators[:_SHOWN]:
        output.say(_line(one))
    if len(found.operators) > _SHOWN:
        output.say(f"  and {len(found.operators) - _SHOWN} more kernels")
    for name, roles in (
        ("moves data (layouts, copies)", (Role.MOVES, Role.COPIES)),
        ("fallback (no rule, or the CPU beside a GPU)", (Role.FALLBACK, Role.BESIDE)),
        ("runtime (memory of the VM)", (Role.RUNTIME,)),
    ):
        output.say(f"  {found.share(*roles):6.1%} {name}")
    if found.copies:
        output.say(f"  {found.share(Role.COPIES):6.1%} {found.copies}")
    caches = "; above 100 %: data came from caches" if found.roofline.bytes else ""
    output.say(f"roofline: {found.roofline.source}{caches}")


def _line(one: Operator) -> str:
    moved = None if one.moved_bytes is None else one.moved_bytes / 2**20
    times = f", {one.calls} calls" if one.calls > 1 else ""
    role = "" if one.role is Role.COMPUTES else f" [{one.role.value}]"
    name = f"{short(one.kernel)}{times}{role}"
    return (
        f"  {one.share:6.1%} {one.milliseconds:9.4f} {_known(one.gops, '.1f'):>8} "
        f"{_known(moved, '.2f'):>8} {_known(one.roofline, '.0%'):>5}  {name}"
    )


def _known(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)
