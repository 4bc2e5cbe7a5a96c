"""Where the keys for a gateway lie."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

from tvmedge.boards.address import BoardAddress
from tvmedge.errors import InputError

VARIABLE = "TVMEDGE_GATEWAY_KEYS"


def keys_for(address: BoardAddress) -> Path:
    """The file of ``tvmedge enroll`` for a gateway: what the environment names, else
    ``~/.config/tvmedge/gateways/HOST-PORT.pem``.

    Raises:
        InputError: there is none, or others may read it.
    """
    folder = Path(platformdirs.user_config_dir("tvmedge", appauthor=False)) / "gateways"
    named = os.environ.get(VARIABLE)
    path = Path(named) if named else folder / f"{address.host}-{address.port}.pem"
    try:
        mode = path.stat().st_mode
    except OSError:
        raise InputError(
            f"There are no keys for '{address}': put the file that 'tvmedge enroll NAME' wrote on "
            f"the gateway at '{path}', or name it by {VARIABLE}."
        ) from None
    if mode & 0o077:
        raise InputError(f"Others can read the keys '{path}': run 'chmod 600' on them.")
    return path
