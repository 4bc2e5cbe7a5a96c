"""Records between stores and files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tvmedge.errors import InputError
from tvmedge.records.best import best
from tvmedge.records.lines import Read, read_lines, write_lines
from tvmedge.records.store import Store
from tvmedge.records.types import Record

_BAD_SHOWN = 5


def export_records(records: Iterable[Record], folder: Path, *, every: bool) -> dict[Path, int]:
    """Write ``folder/<target>.jsonl`` for each target: the best record of each key, or
    ``every`` one; gives how many each file holds.

    Raises:
        ToolError: the disk is full or the folder is not writable.
    """
    by_target: dict[str, list[Record]] = {}
    for record in records if every else best(records):
        by_target.setdefault(record.key.target.partition(":")[0], []).append(record)
    files = {}
    for name, found in sorted(by_target.items()):
        file = folder / f"{name}.jsonl"
        files[file] = write_lines(file, found)
    return files


def import_records(store: Store, file: Path) -> tuple[Read, int]:
    """Merge what is sound in ``file`` into ``store``; also gives how many records that changed.

    Raises:
        InputError: there is no such file, or it is too large. Bad lines are for ``complaint``.
        ToolError: the store cannot be written.
    """
    read = read_lines(file)
    return read, store.merge(read.records)


def complaint(file: Path, read: Read) -> InputError | None:
    """What to say of the lines in ``file`` that are no records, if any."""
    if not read.bad:
        return None
    shown = "; ".join(f"line {line.number} {line.why}" for line in read.bad[:_BAD_SHOWN])
    more = f"; and {len(read.bad) - _BAD_SHOWN} more" if len(read.bad) > _BAD_SHOWN else ""
    return InputError(
        f"{len(read.bad)} of the lines in '{file}' hold no record and were left out, all others "
        f"are stored: {shown}{more}. Remove or repair them."
    )
