"""``tvmedge enroll NAME``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from tvmedge.cli.output import Output
from tvmedge.errors import InputError


def enroll(
    name: str,
    /,
    *,
    gateway: Path = Path("gateway.toml"),
    out: Annotated[Path | None, Parameter(name=["--out", "-o"])] = None,
    days: int = 365,
    revoke: Annotated[bool, Parameter(negative=())] = False,
    output: Output | None = None,
) -> None:
    """Let a client use a gateway's boards: make its key and certificate.

    Parameters
    ----------
    name
        The client's name: letters, digits, '_', '.' and '-'.
    gateway
        The gateway's file.
    out
        Where its keys go, one file to be carried to the client; NAME.pem by default.
    days
        How long the certificate is good for.
    revoke
        Let the name in no more instead; its sessions end.
    """
    output = (output or Output()).start()

    from tvmedge.gateway import authority
    from tvmedge.gateway.config import read_config

    config = read_config(gateway)
    if revoke:
        if out is not None:
            raise InputError("--revoke writes nothing: leave -o out.")
        authority.revoke(config.folder, name)
        output.say(f"{name} is let in no more")
        output.document("enroll", {"client": name, "revoked": True})
        return
    path = out or Path(f"{name}.pem")
    expires = authority.enroll(config.folder, name, path, days)
    output.say(f"written: {path} for {name}, good until {expires:%Y-%m-%d}")
    place = "~/.config/tvmedge/gateways/HOST-PORT.pem"
    output.say(f"On the client put it at {place}, or name it by TVMEDGE_GATEWAY_KEYS.")
    output.document(
        "enroll",
        {"client": name, "revoked": False, "keys": str(path), "expires": expires.isoformat()},
    )
