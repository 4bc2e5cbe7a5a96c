"""Frames of a session on their way, looked at no closer than their heads."""

from __future__ import annotations

from tornado.iostream import BaseIOStream

HEAD = 8
LIMIT = 1 << 18
_DATA = b"D"
_SIGNS = b"HEKG"


class FrameError(Exception):
    """What came is no frame; a sentence without its end."""


async def read_frame(stream: BaseIOStream, kinds: bytes) -> bytes:
    """The next frame, whole, which is of one of these kinds.

    Raises:
        FrameError: it is none.
        StreamClosedError: nothing more comes.
    """
    head: bytes = await stream.read_bytes(HEAD)
    kind, size = head[:1], int.from_bytes(head[4:], "little")
    if kind not in kinds or any(head[1:4]):
        raise FrameError("it sent what is no frame of a session")
    if size > LIMIT or (size == 0 and kind == _DATA) or (size and kind in _SIGNS):
        raise FrameError(f"it sent a frame of {size} bytes")
    return head + await stream.read_bytes(size) if size else head
