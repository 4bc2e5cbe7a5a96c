"""``tvmedge serve gateway.toml``."""

from __future__ import annotations

from pathlib import Path

from tvmedge.cli.output import Output


def serve(config: Path, /, *, output: Output | None = None) -> None:
    """Own a rack of boards, and lend them to clients whom 'tvmedge enroll' let in.

    Parameters
    ----------
    config
        The gateway's file: its boards, limits, ports and folder (docs/gateway.md).
    """
    output = (output or Output()).start()

    from tvmedge.gateway.config import read_config
    from tvmedge.gateway.serve import serve as serve_gateway

    serve_gateway(read_config(config), output.say)
