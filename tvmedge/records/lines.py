"""Files of records, one a line, in one order: a kernel tuned anew is a line changed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from tvmedge.errors import InputError
from tvmedge.records.order import order
from tvmedge.records.types import Record
from tvmedge.records.wire import MAX_LINE, NotARecordError, line_of, record_of_line
from tvmedge.resources import atomic_path

MAX_BYTES = 256 << 20


@dataclass(frozen=True)
class BadLine:
    """A line that holds no record; ``why`` completes "it ..."."""

    number: int
    why: str


@dataclass(frozen=True)
class Read:
    """What a file held."""

    records: tuple[Record, ...]
    bad: tuple[BadLine, ...]


def write_lines(file: Path, records: Iterable[Record]) -> int:
    """Write ``records`` to ``file``, whole or not at all, and count them.

    Raises:
        ToolError: the disk is full or the folder is not writable.
    """
    ordered = sorted(records, key=order)
    with atomic_path(file) as temporary, temporary.open("w", encoding="utf-8") as out:
        out.writelines(f"{line_of(record)}\n" for record in ordered)
    return len(ordered)


def read_lines(file: Path) -> Read:
    """The records in ``file``, and which of its lines are none.

    Raises:
        InputError: there is no such file, or it is larger than 256 MiB.
    """
    try:
        with file.open("rb") as lines:
            return _read(lines, file)
    except OSError as error:
        raise InputError(
            f"Cannot read records from '{file}': {error.strerror or error}."
        ) from error


def _read(lines: BinaryIO, file: Path) -> Read:
    records, bad = [], []
    number = total = 0
    while line := lines.readline(MAX_LINE + 2):
        number += 1
        total += len(line)
        try:
            records.append(record_of_line(line.removesuffix(b"\n")))
        except NotARecordError as error:
            bad.append(BadLine(number, str(error)))
            while not line.endswith(b"\n") and line:  # the rest of one that is too long
                line = lines.readline(MAX_LINE)
                total += len(line)
        if total > MAX_BYTES:
            raise InputError(
                f"'{file}' is larger than {MAX_BYTES >> 20} MiB, more than records need: split it."
            )
    return Read(tuple(records), tuple(bad))
