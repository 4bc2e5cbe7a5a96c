"""Records as lines: what is written is read again, and nothing else is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.records.examples import record
from tvmedge.errors import InputError
from tvmedge.records import lines
from tvmedge.records.lines import read_lines, write_lines
from tvmedge.records.types import Decision, Key, Record, Status
from tvmedge.records.wire import MAX_LINE, NotARecordError, fields_of, line_of, record_of_line

_TEXT = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=40)
_HASH = st.text("0123456789abcdef", min_size=64, max_size=64)
_DECISIONS: st.SearchStrategy[Decision] = (
    st.booleans() | st.integers(-(2**63) + 1, 2**63 - 1) | _TEXT
)
_COST = st.floats(0, allow_infinity=False, allow_nan=False)


@st.composite
def _records(draw: st.DrawFn) -> Record:
    status = draw(st.sampled_from(Status))
    measured = status is Status.MEASURED
    target = draw(st.from_regex(r"[a-z0-9-]{1,20}", fullmatch=True))
    return Record(
        Key(draw(_HASH), f"{target}:{draw(_HASH)}", draw(_TEXT), draw(_TEXT), draw(_TEXT)),
        draw(_TEXT),
        draw(_TEXT),
        tuple(draw(st.dictionaries(_TEXT, _DECISIONS, max_size=6)).items()),
        status,
        draw(_COST) if measured else None,
        draw(_TEXT),
        draw(_COST) if measured else None,
        draw(st.just("") | _TEXT),
        draw(st.just("") | _HASH),
        draw(st.integers(0, 2**63 - 1)),
        draw(st.integers(0, 2**63 - 1)),
    )


@settings(max_examples=50, deadline=None)
@given(_records())
def test_a_record_comes_back_from_its_line(original: Record) -> None:
    line = line_of(original)
    back = record_of_line(line.encode())
    assert back == original
    # True == 1 in Python: the types of decisions come back, too.
    assert repr(back.decisions) == repr(original.decisions)
    assert "\n" not in line


@settings(max_examples=15, deadline=None)
@given(st.lists(_records(), max_size=5))
def test_a_file_does_not_depend_on_the_order_of_what_is_written(records: list[Record]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        one, other = Path(folder) / "one", Path(folder) / "other"
        write_lines(one, records)
        write_lines(other, records[::-1])
        assert one.read_bytes() == other.read_bytes()
        read = read_lines(one)
        assert not read.bad
        assert sorted(map(repr, read.records)) == sorted(map(repr, records))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_refused_in_words(content: bytes) -> None:
    with pytest.raises(NotARecordError):
        record_of_line(content)


def _damaged(**changes: Any) -> bytes:
    fields = fields_of(record()) | changes
    return json.dumps({k: v for k, v in fields.items() if v is not ...}).encode()


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (_damaged(extra=1), "unknown field `extra`"),
        (_damaged(cost=...), "missing required field `cost`"),
        (_damaged(cost=None), "has a cost if and only if"),
        (_damaged(status="failed"), "has a cost if and only if"),
        (_damaged(status="best"), "Invalid enum value 'best'"),
        (_damaged(cost=-1.0), ">= 0"),
        (_damaged(cost="1"), "Expected `float | null`, got `str` - at `$.cost`"),
        (line_of(record()).replace('"cost": 1.0', '"cost": NaN').encode(), "is no JSON"),
        (line_of(record()).replace('"cost": 1.0', '"cost": 1e999').encode(), "has a cost if"),
        (_damaged(workload="../../etc"), "$.workload"),
        (_damaged(target="host/../x:" + "0" * 64), "$.target"),
        (_damaged(schedule="0" * 64 + "\n"), "$.schedule"),
        (_damaged(kernel="\x1b[2Jconv"), "cannot be shown"),
        (_damaged(decisions={"a": [1]}), "$.decisions"),
        (_damaged(decisions={"a": 2**70}), "$.decisions"),
        (_damaged(decisions={str(n): n for n in range(500)}), "length <= 200"),
        (_damaged(decisions={"a\u202e": 1}), "cannot be shown"),
        (_damaged(schema=2), "was written by a newer tvmedge (schema 2, this one reads 1)"),
        (line_of(record()).replace('"seed": 0', '"seed": 0, "seed": 1').encode(), "a key twice"),
        (b"[" * 50_000, "is no JSON"),
        (b" " * (MAX_LINE + 1), "longer than"),
        (b"[]", "Expected `object`"),
        (b"", "is no JSON"),
    ],
)
def test_a_bad_line_says_what_is_wrong(line: bytes, why: str) -> None:
    with pytest.raises(NotARecordError) as caught:
        record_of_line(line)
    assert why in str(caught.value)
    assert str(caught.value).isprintable()


def test_one_bad_line_does_not_lose_the_file(tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"
    good = [record(n, 1.0 + n) for n in range(3)]
    first, second, third = (line_of(r).encode() for r in good)
    huge = b'{"x": "' + b"y" * 3 * MAX_LINE + b'"}'
    file.write_bytes(b"\n".join([first, b"{", second, huge, third[:-5], third]))
    read = read_lines(file)
    assert list(read.records) == good
    assert [line.number for line in read.bad] == [2, 4, 5]
    assert "longer than" in read.bad[1].why


def test_a_file_without_bounds_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "MAX_BYTES", 10_000)
    file = tmp_path / "r.jsonl"
    file.write_bytes(b"{}\n" * 4_000)
    with pytest.raises(InputError, match="larger than"):
        read_lines(file)


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"Cannot read records from '.*gone': No such file"):
        read_lines(tmp_path / "gone")


def test_a_reason_of_any_length_is_kept_as_one_line() -> None:
    failed = record(1, None, reason="line one\nline two\x1b[1m\t" + "x" * 10_000)
    back = record_of_line(line_of(failed).encode())
    assert back.reason.startswith("line one line two?[1m xxx")
    assert len(back.reason) == 500
