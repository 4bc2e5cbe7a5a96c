"""What a client and a gateway say to each other before a session.

A message is a little-endian 32-bit length, at most ``MESSAGE_LIMIT``, and JSON. The gateway speaks
first, when it knows the client: ``Welcome``, or ``Refused``. The client then asks for one thing:

    Ask     Queued whenever that changes and at least every ``ALIVE_S``, then Granted; Leave ends it
    Attach  Attached, and from then on the frames of a session, both ways
    Look    Pool
"""

from __future__ import annotations

from enum import Enum
from typing import Annotated

import msgspec

from tvmedge.types import Serves

PROTOCOL = 1
ALIVE_S = 5.0

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
_Token = Annotated[str, msgspec.Meta(max_length=64, pattern="^[0-9a-f]*$")]
_Count = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]


class Reason(str, Enum):
    """Why a gateway refuses."""

    UNKNOWN = "certificate unknown"
    REVOKED = "certificate revoked"
    VERSION = "version mismatch"
    MALFORMED = "malformed"
    SILENT = "timed out"
    POOL = "no such pool"
    TARGET = "no such board"
    LIMIT = "limit of the client"
    LEASE = "no such lease"
    BOARD = "board failed"
    STOPPED = "gateway stopped"


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the client wants its session to be limited to, as ``SessionLimits``."""

    memory_mb: _Count | None = None
    cpu_seconds: _Count | None = None
    wall_seconds: _Count | None = None
    disk_mb: _Count | None = None
    files: _Count | None = None
    processes: _Count | None = None
    silence_seconds: _Count | None = None


class Ask(msgspec.Struct, frozen=True, tag=True, forbid_unknown_fields=True):
    """A board of a pool for a bundle of ``target``; ``ticket`` is that of an earlier connection."""

    protocol: int
    pool: _Name
    target: _Name
    serves: Serves
    threads: _Count | None = None
    limits: Limits = Limits()
    priority: Annotated[int, msgspec.Meta(ge=0, le=9)] = 0
    ticket: _Token = ""


class Attach(msgspec.Struct, frozen=True, tag=True, forbid_unknown_fields=True):
    """The session of a lease."""

    lease: _Token


class Look(msgspec.Struct, frozen=True, tag=True, forbid_unknown_fields=True):
    """How a pool is."""

    protocol: int
    pool: _Name


class Leave(msgspec.Struct, frozen=True, tag=True, forbid_unknown_fields=True):
    """The place in the queue is given up."""


class Welcome(msgspec.Struct, frozen=True, tag=True, forbid_unknown_fields=True):
    """The first word of a gateway; ``client`` is who the certificate says it speaks with."""

    protocol: int
    version: str
    client: str


class Queued(msgspec.Struct, frozen=True, tag=True, forbid_unknown_fields=True):
    """``place`` of the pool's queue, 1 is next, 0 where a board is being made ready; of the pool's
    boards ``working`` are well."""

    ticket: str
    place: int
    boards: int
    working: int


class Granted(msgspec.Struct, frozen=True, tag=True, forbid_unknown_fields=True):
    """A board is lent for so many seconds, the first few to attach. What an ``emulated`` one takes
    says nothing about a device."""

    lease: str
    board: str
    seconds: int
    emulated: bool


class Attached(msgspec.Struct, frozen=True, tag=True, forbid_unknown_fields=True):
    """What follows are the frames of a session."""


class Pool(msgspec.Struct, frozen=True, tag=True, forbid_unknown_fields=True):
    """How many boards a pool has, how many are well and free, and how many clients wait."""

    boards: int
    working: int
    free: int
    waiting: int


class Refused(msgspec.Struct, frozen=True, tag=True, forbid_unknown_fields=True):
    """The last word of a gateway: a sentence without its period."""

    reason: Reason
    message: str


NOT_JSON = (msgspec.MsgspecError, ValueError, RecursionError)
"""What decoding raises: no UTF-8, and brackets in brackets, are errors of their own."""
REQUESTS: msgspec.json.Decoder[Ask | Attach | Look | Leave] = msgspec.json.Decoder(
    Ask | Attach | Look | Leave
)
ANSWERS: msgspec.json.Decoder[Welcome | Queued | Granted | Attached | Pool | Refused] = (
    msgspec.json.Decoder(Welcome | Queued | Granted | Attached | Pool | Refused)
)
