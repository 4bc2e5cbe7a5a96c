"""``tvmedge doctor``."""

from __future__ import annotations

import dataclasses

from tvmedge.boards.address import parse_address
from tvmedge.boards.health import examine
from tvmedge.boards.reach import examine_board
from tvmedge.cli.output import Output
from tvmedge.errors import ExitCode


def doctor(*, board: str | None = None, output: Output | None = None) -> int:
    """Say what this machine can do and what is missing, or where the way to a board ends.

    Parameters
    ----------
    board
        A board to reach instead: ssh://[USER@]HOST[:PORT], adb://SERIAL,
        gateway://HOST:PORT/POOL, tvm://HOST:PORT[/KEY].
    """
    output = (output or Output()).start()
    findings = examine() if board is None else examine_board(parse_address(board))
    for finding in findings:
        mark = "ok" if finding.ok else ("MISSING" if finding.required else "missing")
        output.say(f"{mark:8} {finding.name}: {finding.detail}")
    output.document("doctor", {"findings": [dataclasses.asdict(f) for f in findings]})
    broken = any(finding.required and not finding.ok for finding in findings)
    if not broken:
        return ExitCode.OK
    return ExitCode.TOOL if board is None else ExitCode.BOARD
