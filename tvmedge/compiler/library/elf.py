"""The symbols of an ELF object: hidden where it defines them, listed where it needs them.

TVM gives every kernel default visibility, so that a library would export them all. Only
symbol tables of little-endian objects are read, as the ELF specification lays them out.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

_SYMTAB = 2
_UNDEFINED = 0
_LOCAL = 0
_HIDDEN = 2


@dataclass(frozen=True)
class _Form:
    """Where the fields lie in one class of ELF file, and the forms of its entries."""

    section_table: tuple[str, int]
    counts: int
    section: str
    symbol: str
    info: int
    other: int
    shndx: int


_FORMS = {
    1: _Form(("<I", 32), 46, "<IIIIIIIIII", "<IIIBBH", 3, 4, 5),
    2: _Form(("<Q", 40), 58, "<IIQQQQIIQQ", "<IBBHQQ", 1, 2, 3),
}


@dataclass(frozen=True)
class _Symbol:
    name: str
    offset: int
    fields: tuple[int, ...]


class Elf:
    """A relocatable object in memory."""

    def __init__(self, data: bytes) -> None:
        if data[:4] != b"\x7fELF" or data[5] != 1:
            raise ValueError("not a little-endian ELF file")
        self._data = bytearray(data)
        self._form = _FORMS[data[4]]

    def hidden(self) -> bytes:
        """The object with all that it defines hidden from whoever loads the library."""
        form = self._form
        other = struct.calcsize("<" + form.symbol[1 : 1 + form.other])
        for symbol in self._symbols():
            if symbol.fields[form.shndx] != _UNDEFINED and symbol.fields[form.info] >> 4 != _LOCAL:
                self._data[symbol.offset + other] |= _HIDDEN
        return bytes(self._data)

    def undefined(self) -> tuple[str, ...]:
        """What others must define, sorted."""
        form = self._form
        names = {s.name for s in self._symbols() if s.fields[form.shndx] == _UNDEFINED}
        return tuple(sorted(names - {""}))

    def defined(self) -> tuple[str, ...]:
        """What it defines for others, sorted."""
        form = self._form
        return tuple(
            sorted(
                s.name
                for s in self._symbols()
                if s.fields[form.shndx] != _UNDEFINED and s.fields[form.info] >> 4 != _LOCAL
            )
        )

    def _symbols(self) -> Iterator[_Symbol]:
        sections = self._sections()
        size = struct.calcsize(self._form.symbol)
        for section in sections:
            if section[1] != _SYMTAB:
                continue
            start, length, strings = section[4], section[5], sections[section[6]][4]
            for offset in range(start, start + length, size):
                fields = struct.unpack_from(self._form.symbol, self._data, offset)
                begin = strings + fields[0]
                end = self._data.index(0, begin)
                yield _Symbol(self._data[begin:end].decode(), offset, fields)

    def _sections(self) -> list[tuple[int, ...]]:
        form = self._form
        kind, place = form.section_table
        (start,) = struct.unpack_from(kind, self._data, place)
        size, count = struct.unpack_from("<HH", self._data, form.counts)
        return [
            struct.unpack_from(form.section, self._data, start + index * size)
            for index in range(count)
        ]
