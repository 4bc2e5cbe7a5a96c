"""The page of ``bench_boards.py``."""

from __future__ import annotations

from typing import Any

_HEAD = """\
# What a way to a board costs

Written by `python scripts/bench_boards.py` from `scripts/results/bench_boards.json`. The board is
the measuring machine itself, {cpu}; a client, what carries bytes and the
board share its cores ({cores} were theirs). Ways took turns; medians.

| Way | Call there and back, us | To the board, MB/s | From the board, MB/s |
| --- | ---: | ---: | ---: |
{overhead}

Bytes are those of one tensor of 64 MiB, compared when they were back; TVM's endpoints write and
read them one at a time; with a server of ours they go past those. TVM's RPC over TCP is its own
server, which knows nobody; the others authenticate and confine what runs. By the pipe a confined
program has its client's own pipe ends, by the others packets go in frames.

| Way | {model}, timed on the board, ms | of the median of all |
| --- | ---: | ---: |
{timings}

"pipe" is here the worker of `--board local`.

| Board | From nothing to the first result, caches warm, ms |
| --- | ---: |
{starts}
"""


def page(found: dict[str, Any]) -> str:
    """The whole page."""
    overhead = [
        f"| {name} | {way['call_us']:.0f} | {way['to_board_mb_s']} | {way['from_board_mb_s']} |"
        for name, way in found["overhead"].items()
    ]
    timings = [
        f"| {name} | {way['ms']:.3f} | {way['of_median']:.3f} |"
        for name, way in found["timings"].items()
    ]
    starts = [f"| {name} | {value} |" for name, value in found["starts_ms"].items()]
    return _HEAD.format(
        cpu=found["machine"]["cpu"],
        cores=found["cores"],
        model=found["model"],
        overhead="\n".join(overhead),
        timings="\n".join(timings),
        starts="\n".join(starts),
    )
