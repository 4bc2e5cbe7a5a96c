"""What of a bundle is sent to a board that keeps files by their hashes: each file once."""

from __future__ import annotations

from tvmedge.bundle import Bundle

WEIGHTS_SENT = 1
"""The number of the weights' file among those sent; the code's is 0."""


def sent_files(bundle: Bundle) -> str:
    """The bundle's code and weights as the relay takes them (``relay/upload.py``); empty where its
    path cannot be told."""
    path = str(bundle.path.resolve())
    if "\n" in path:
        return ""
    return "\n".join(
        [path, *(f"{digest} {start} {size}" for digest, start, size in bundle.code_and_weights())]
    )
