"""``tvmedge doctor``."""

from __future__ import annotations

import dataclasses

from tvmedge.boards.health import examine
from tvmedge.cli.output import Output
from tvmedge.errors import ExitCode


def doctor(*, output: Output | None = None) -> int:
    """Say what this machine can do and what is missing."""
    output = (output or Output()).start()
    findings = examine()
    for finding in findings:
        mark = "ok" if finding.ok else ("MISSING" if finding.required else "missing")
        output.say(f"{mark:8} {finding.name}: {finding.detail}")
    output.document("doctor", {"findings": [dataclasses.asdict(f) for f in findings]})
    broken = any(finding.required and not finding.ok for finding in findings)
    return ExitCode.TOOL if broken else ExitCode.OK
