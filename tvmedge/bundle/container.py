"""The zip around a bundle's files: exactly one encoding for given contents.

Entries are stored, dated 1980-01-01, mode 0644, and every entry's data starts
on a 64-byte boundary, so that it can be mapped. Because the encoding is
canonical, reading rebuilds every byte outside the data from names, checksums
and sizes and compares: what any other tool writes, or a single flipped bit,
is refused without a lenient parser to be fooled.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from tvmedge.bundle.malformed import MalformedError

ALIGNMENT = 64
MAX_ENTRIES = 16
MAX_BYTES = 0xFFFF_FFFF

_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)?")
_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_EXTRA = struct.Struct("<3H")
_VERSION = 20
_MADE_BY_UNIX = 3 << 8 | _VERSION
_DATE = 1 << 5 | 1  # 1980-01-01, the first day a zip can name
_MODE = 0o100644 << 16
_ALIGN_EXTRA = 0xD935  # the id under which Android's zipalign pads


@dataclass(frozen=True)
class Entry:
    """One file of the zip: its name, zlib crc32 and size in bytes."""

    name: str
    crc32: int
    size: int


@dataclass(frozen=True)
class Layout:
    """Where everything goes: each entry's local header, where that header and
    the data start (bytes from the start of the file), and the zip's tail."""

    entries: tuple[Entry, ...]
    headers: tuple[bytes, ...]
    header_offsets: tuple[int, ...]
    data_offsets: tuple[int, ...]
    tail: bytes
    tail_offset: int


def lay_out(entries: Sequence[Entry]) -> Layout:
    """The one layout of a zip with these entries in this order.

    Raises:
        MalformedError: more than 16 entries, a name outside
            ``[A-Za-z0-9._-]`` and one ``/``, a name twice, or over 4 GiB.
    """
    if len(entries) > MAX_ENTRIES:
        raise MalformedError(f"it has {len(entries)} files where {MAX_ENTRIES} are the most")
    if len({entry.name for entry in entries}) != len(entries):
        raise MalformedError("it holds a file twice")
    headers, header_offsets, data_offsets, central = [], [], [], b""
    offset = 0
    for entry in entries:
        if not _NAME.fullmatch(entry.name):
            raise MalformedError(f"it holds a file of the unsafe name {entry.name!r}")
        name = entry.name.encode("ascii")
        start = offset + _LOCAL.size + len(name) + _EXTRA.size
        padding = -start % ALIGNMENT
        data = start + padding
        if data + entry.size + len(central) + 4096 > MAX_BYTES:
            raise MalformedError("it is larger than 4 GiB, the most a bundle can be")
        extra = _EXTRA.pack(_ALIGN_EXTRA, 2 + padding, ALIGNMENT) + bytes(padding)
        facts = (_VERSION, 0, 0, 0, _DATE, entry.crc32, entry.size, entry.size, len(name))
        headers.append(_LOCAL.pack(b"PK\3\4", *facts, len(extra)) + name + extra)
        central += _CENTRAL.pack(b"PK\1\2", _MADE_BY_UNIX, *facts, 0, 0, 0, 0, _MODE, offset)
        central += name
        header_offsets.append(offset)
        data_offsets.append(data)
        offset = data + entry.size
    count = len(entries)
    end = _END.pack(b"PK\5\6", 0, 0, count, count, len(central), offset, 0)
    return Layout(
        entries=tuple(entries),
        headers=tuple(headers),
        header_offsets=tuple(header_offsets),
        data_offsets=tuple(data_offsets),
        tail=central + end,
        tail_offset=offset,
    )


def parse(view: memoryview) -> Layout:
    """The layout of the zip in ``view``; its checksums are not compared with the data.

    Raises:
        MalformedError: any byte outside the entries' data differs from what
            ``lay_out`` makes of the entries that the zip names.
    """
    layout = lay_out(_named_entries(view))
    if layout.tail_offset + len(layout.tail) != len(view):
        raise MalformedError(
            "the sizes that it states differ from the file (another tool may have zipped it again)"
        )
    if view[layout.tail_offset :] != layout.tail:
        raise MalformedError("its list of files is damaged or was made by another tool")
    for entry, offset, header in zip(
        layout.entries, layout.header_offsets, layout.headers, strict=True
    ):
        if view[offset : offset + len(header)] != header:
            raise MalformedError(
                f"the header of '{entry.name}' is damaged or was made by another tool"
            )
    return layout


def _named_entries(view: memoryview) -> list[Entry]:
    """The entries that the zip's central directory names, read with bounds."""
    end_offset = len(view) - _END.size
    if end_offset < 0 or bytes(view[end_offset : end_offset + 4]) != b"PK\5\6":
        raise MalformedError("its end is missing (it is cut short or is another kind of file)")
    _, _, _, _, count, size, offset, _ = _END.unpack_from(view, end_offset)
    if count > MAX_ENTRIES:
        raise MalformedError(f"it names {count} files where {MAX_ENTRIES} are the most")
    if offset + size != end_offset:
        raise MalformedError("something was put before, after or between its files")
    entries = []
    for _ in range(count):
        if offset + _CENTRAL.size > end_offset:
            raise MalformedError("its list of files is cut short")
        facts = _CENTRAL.unpack_from(view, offset)
        flags, method, crc32, size, name_length = facts[3], facts[4], facts[7], facts[9], facts[10]
        offset += _CENTRAL.size
        name = bytes(view[offset : min(offset + name_length, end_offset)]).decode("latin-1")
        offset += name_length
        if flags & 1:
            raise MalformedError(f"its file {name!r} is encrypted")
        if method:
            raise MalformedError(
                f"its file {name!r} is compressed, which a bundle's files never are"
            )
        entries.append(Entry(name, crc32, size))
    return entries
