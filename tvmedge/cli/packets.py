"""How counted packets are shown."""

from __future__ import annotations

import dataclasses
from typing import Any

from tvmedge.cli.output import Output
from tvmedge.profiling.packets import PacketProfile
from tvmedge.types import PACKETS_IGNORE, Counts

_SHOWN = 12
_NAME = 72


def say_counts(output: Output, counts: Counts) -> None:
    """One line of a whole inference."""
    a_packet = counts.instructions / max(counts.packets, 1)
    output.say(
        f"{counts.packets:,} packets, {a_packet:.2f} instructions each, "
        f"{counts.vector_share:.1%} of them vector instructions ({PACKETS_IGNORE})"
    )


def say_packets(output: Output, profile: PacketProfile) -> None:
    """The inference, then the kernels that take most of it."""
    say_counts(output, profile.total)
    if profile.scalar_share:
        output.say(f"{profile.scalar_share:.1%} of packets are in kernels that use no vectors")
    for one in profile.kernels[:_SHOWN]:
        times = f", {one.calls} calls" if one.calls > 1 else ""
        output.say(
            f"  {one.share:6.1%} {one.counts.packets:>13,}  vectors "
            f"{one.counts.vector_share:6.1%}  {_short(one.kernel)}{times}"
        )
    if len(profile.kernels) > _SHOWN:
        output.say(f"  and {len(profile.kernels) - _SHOWN} more kernels")


def _short(kernel: str) -> str:
    """Names of fused kernels list all that was fused."""
    return kernel if len(kernel) <= _NAME else f"{kernel[: _NAME - 3]}..."


def counts_document(counts: Counts) -> dict[str, Any]:
    """The counts as JSON."""
    return {
        **dataclasses.asdict(counts),
        "vector_share": counts.vector_share,
        "ignores": PACKETS_IGNORE,
    }


def packets_document(profile: PacketProfile) -> dict[str, Any]:
    """The profile as JSON: of the inference, of each kernel."""
    return {
        **counts_document(profile.total),
        "scalar_share": profile.scalar_share,
        "kernels": [
            {
                "kernel": one.kernel,
                "calls": one.calls,
                "share": one.share,
                **dataclasses.asdict(one.counts),
                "vector_share": one.counts.vector_share,
            }
            for one in profile.kernels
        ],
    }
