"""What a seeded chance makes up for those who read what others send."""

from __future__ import annotations

import random
import struct

from tvmedge.boards.relay.frames import ALIVE, DATA, END, FILE, GO, PIECE, framed

_REQUEST = b'{"type":"Ask","protocol":1,"pool":"pool","target":"host","serves":"library"}'
_HUGE = (1 << 18) + 1


def garbage(chance: random.Random) -> bytes:
    """Random bytes, a message of random JSON, a length that lies, a true message with an error."""
    noise = chance.randbytes(chance.randrange(1, 200))
    bent = bytearray(_REQUEST)
    for _ in range(chance.randrange(1, 4)):
        bent[chance.randrange(len(bent))] = chance.randrange(256)
    cut = _REQUEST[: chance.randrange(len(_REQUEST))]
    body = chance.choice([noise, bytes(bent), cut, b"[" * chance.randrange(1, 9000)])
    size = chance.choice([len(body), len(body), chance.randrange(1 << 32), 0])
    return chance.choice([noise, struct.pack("<I", size) + body])


def bad_frame(chance: random.Random) -> tuple[bytes, bytes]:
    """A few frames of a session and one that is none; and what its program is to get of them."""
    good = [chance.randbytes(chance.randrange(1, 40)) for _ in range(chance.randrange(3))]
    before = b"".join(chance.choice([b"", framed(ALIVE)]) + framed(DATA, body) for body in good)
    sign = chance.choice([ALIVE, END, b"K"])
    kind = bytes([chance.choice([n for n in range(256) if n not in b"DHEK"])])
    pad = bytearray(3)
    pad[chance.randrange(3)] = chance.randrange(1, 256)
    some = chance.randbytes(chance.randrange(1, 30))
    bad = chance.choice(
        [
            _head(kind, 0) + some,
            _head(DATA, len(some), bytes(pad)) + some,
            _head(DATA, 0) + some,
            _head(DATA, chance.randrange(_HUGE, 1 << 32)) + some,
            _head(sign, chance.randrange(1, 1 << 32)) + some,
            framed(END) + framed(DATA, some),
        ]
    )
    return before + bad, b"".join(good)


def bad_early_frame(chance: random.Random) -> bytes:
    """Frames about files, the last of which is none, before a session's program starts."""
    name = chance.randbytes(32)
    size = chance.randrange(1, 1 << 20)
    named = framed(FILE, name + size.to_bytes(8, "little"))
    some = chance.randbytes(chance.randrange(1, 60))
    length = chance.choice([n for n in range(60) if n != 40])
    bad = [
        _head(DATA, len(some)) + some,
        framed(FILE, chance.randbytes(length)),
        framed(FILE, name + bytes(8)),
        framed(FILE, name + (chance.randrange(1 << 50, 1 << 64)).to_bytes(8, "little")),
        framed(PIECE, chance.randbytes(32) + some),
        named + framed(PIECE, chance.randbytes(32) + some),
        named + framed(GO),
        named + named,
        _head(PIECE, chance.randrange(_HUGE, 1 << 32)) + some,
        _head(GO, chance.randrange(1, 1 << 32)) + some,
        b"G\1\0\0" + bytes(4),
    ]
    return b"".join(framed(ALIVE) for _ in range(chance.randrange(3))) + chance.choice(bad)


def _head(kind: bytes, size: int, pad: bytes = bytes(3)) -> bytes:
    return kind + pad + size.to_bytes(4, "little")
