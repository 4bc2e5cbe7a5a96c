"""Whether a library fits into the addresses of its processor."""

from __future__ import annotations

from tvmedge.bundle.compat import architecture
from tvmedge.errors import InputError
from tvmedge.targeting import TargetSpec

NARROW = ("arm", "hexagon")
"""Processors whose addresses have 32 bits."""

MOST = 3 << 30
"""Bytes that a program may take of 4 GiB: Linux keeps a quarter for itself."""


def require_addressable(spec: TargetSpec, weights: int, workspace: int = 0) -> None:
    """Refuse what no program for ``spec`` can address; sizes are in bytes.

    Raises:
        InputError: weights and workspace are too large for 32-bit addresses.
    """
    if architecture(str(spec.tvm["mtriple"]).partition("-")[0]) not in NARROW:
        return
    if weights + workspace > MOST:
        raise InputError(
            f"The model is too large for {spec.name}, whose addresses have 32 bits: weights "
            f"{weights >> 20} MiB, workspace {workspace >> 20} MiB, and a program has at most "
            f"{MOST >> 20} MiB; quantise the model or compile a smaller one."
        )
