"""``tvmedge doctor``."""

from __future__ import annotations

import dataclasses
from typing import Annotated

from cyclopts import Parameter

from tvmedge.boards.address import parse_address
from tvmedge.boards.health import examine
from tvmedge.boards.reach import examine_board
from tvmedge.cli.output import Output
from tvmedge.errors import ExitCode, InputError
from tvmedge.targeting import target as spec_of


def doctor(
    *,
    board: str | None = None,
    target: Annotated[str | None, Parameter(name=["--target", "-t"])] = None,
    output: Output | None = None,
) -> int:
    """Say what this machine can do and what is missing, or where the way to a board ends.

    Parameters
    ----------
    board
        A board to reach instead: local, emulated, ssh://[USER@]HOST[:PORT], adb://SERIAL,
        gateway://HOST:PORT/POOL, tvm://HOST:PORT[/KEY].
    target
        With --board emulated: what is imitated.
    """
    output = (output or Output()).start()
    if board is not None:
        findings = examine_board(parse_address(board), spec_of(target) if target else None)
    elif target is not None:
        raise InputError("--target is for --board emulated: give both, or neither.")
    else:
        findings = examine()
    for finding in findings:
        mark = "ok" if finding.ok else ("MISSING" if finding.required else "missing")
        output.say(f"{mark:8} {finding.name}: {finding.detail}")
    output.document("doctor", {"findings": [dataclasses.asdict(f) for f in findings]})
    broken = any(finding.required and not finding.ok for finding in findings)
    if not broken:
        return ExitCode.OK
    return ExitCode.TOOL if board is None else ExitCode.BOARD
