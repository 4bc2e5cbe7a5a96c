"""``tvmedge profile BUNDLE``."""

from __future__ import annotations

import statistics
from pathlib import Path

from tvmedge.cli.board_options import BoardOptions
from tvmedge.cli.output import Output
from tvmedge.cli.packets import packets_document, say_packets
from tvmedge.cli.run import check_document, say_check
from tvmedge.errors import ExitCode


def profile(
    bundle: Path,
    /,
    *,
    repetitions: int | None = None,
    board: BoardOptions | None = None,
    output: Output | None = None,
) -> int:
    """Measure a bundle's cold start and latency; packets on an emulated Hexagon.

    Parameters
    ----------
    bundle
        The bundle's file.
    repetitions
        Timed runs, after the first one: 20 by default, 1 where packets are counted.
    """
    output = (output or Output()).start()
    board = board or BoardOptions()

    from tvmedge.profiling.latency import percentile, profile_bundle

    result = profile_bundle(bundle, repetitions, board.address(), board.session())
    samples = result.latency.samples_ms
    p50, p90 = percentile(samples, 50), percentile(samples, 90)
    manifest = result.bundle.manifest
    output.say(
        f"{manifest.model.name} for {manifest.target.name} on {result.board}: "
        f"p50 {p50:.3f} ms, p90 {p90:.3f} ms, fastest {min(samples):.3f} ms over {len(samples)} "
        f"runs; cold start {result.latency.cold_start_ms:.0f} ms"
    )
    if str(result.board) == "emulated":
        output.say("An emulator's times say nothing about the device.")
    if result.packets:
        say_packets(output, result.packets)
    say_check(output, result.check)
    output.document(
        "profile",
        {
            "bundle": str(bundle),
            "model": manifest.model.name,
            "target": manifest.target.name,
            "board": str(result.board),
            "emulated": str(result.board) == "emulated",
            "cold_start_ms": result.latency.cold_start_ms,
            "latency": {
                "p50_ms": p50,
                "p90_ms": p90,
                "min_ms": min(samples),
                "max_ms": max(samples),
                "mean_ms": statistics.fmean(samples),
                "repetitions": len(samples),
                "samples_ms": list(samples),
            },
            "packets": packets_document(result.packets) if result.packets else None,
            "check": check_document(result.check),
        },
    )
    return ExitCode.OK if result.check.ok else ExitCode.CHECK
