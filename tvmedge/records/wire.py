"""A record as text: one line of JSON, the same bytes whoever writes it, read as if by an enemy."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from tvmedge.records.types import Decisions, Key, Record, Status

SCHEMA = 1
"""Counts what readers of lines and stores must know; a higher one is refused."""

MAX_LINE = 1 << 16
MAX_REASON = 500
MAX_KERNEL = 2000
_MAX_INT = 2**63 - 1

_Hash = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
_Name = Annotated[str, Meta(min_length=1, max_length=200)]
_Whole = Annotated[int, Meta(ge=0, le=_MAX_INT)]
_Decision = (
    bool | Annotated[int, Meta(ge=-_MAX_INT, le=_MAX_INT)] | Annotated[str, Meta(max_length=200)]
)


class _Fields(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A line's keys, in their order."""

    schema: int
    kernel: Annotated[str, Meta(min_length=1, max_length=MAX_KERNEL)]
    workload: _Hash
    target: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,100}:[0-9a-f]{64}\Z")]
    pipeline: _Name
    toolchain: _Name
    cost_source: _Name
    rule: _Name
    decisions: Annotated[dict[_Name, _Decision], Meta(max_length=200)]
    status: Status
    cost: Annotated[float, Meta(ge=0)] | None
    unit: Annotated[str, Meta(max_length=50)]
    spread: Annotated[float, Meta(ge=0)] | None
    reason: Annotated[str, Meta(max_length=MAX_REASON)]
    schedule: Annotated[str, Meta(pattern=r"^([0-9a-f]{64})?\Z")]
    seed: _Whole
    trial: _Whole


class NotARecordError(ValueError):
    """The message completes "it ..."."""


def line_of(record: Record) -> str:
    """``record`` as one line, without its end."""
    return json.dumps(fields_of(record), ensure_ascii=False, allow_nan=False)


def fields_of(record: Record) -> dict[str, Any]:
    """``record`` as a flat mapping, the keys of a line in their order."""
    key = record.key
    return {
        "schema": SCHEMA,
        "kernel": record.kernel[:MAX_KERNEL],  # of hundreds of operators: the key says which
        "workload": key.workload,
        "target": key.target,
        "pipeline": key.pipeline,
        "toolchain": key.toolchain,
        "cost_source": key.cost,
        "rule": record.rule,
        "decisions": dict(record.decisions),
        "status": record.status.value,
        "cost": record.cost,
        "unit": record.unit,
        "spread": record.spread,
        "reason": _printable(record.reason),
        "schedule": record.schedule,
        "seed": record.seed,
        "trial": record.trial,
    }


def record_of_line(line: bytes) -> Record:
    """The record in a line.

    Raises:
        NotARecordError: it is longer than 64 KiB, no JSON, of a newer schema, or a key is
            missing, unknown, given twice or out of bounds.
    """
    if len(line) > MAX_LINE:
        raise NotARecordError(f"is longer than {MAX_LINE} bytes")
    try:
        raw = json.loads(line, object_pairs_hook=_once, parse_constant=_no_number)
    except NotARecordError:
        raise
    except (ValueError, RecursionError) as error:
        raise NotARecordError(f"is no JSON ({error})") from error
    return record_of(raw)


def record_of(raw: object) -> Record:
    """The record in a mapping as ``fields_of`` gives it.

    Raises:
        NotARecordError: it holds no record.
    """
    schema = raw.get("schema") if isinstance(raw, dict) else None
    if isinstance(schema, int) and schema > SCHEMA:
        raise NotARecordError(
            f"was written by a newer tvmedge (schema {schema}, this one reads {SCHEMA})"
        )
    try:
        fields = msgspec.convert(raw, _Fields)
    except msgspec.ValidationError as error:
        raise NotARecordError(f"is not usable ({_quoted(str(error))})") from error
    for text in _texts(fields):
        if not text.isprintable():
            raise NotARecordError("holds characters that cannot be shown")
    try:
        return _record(fields)
    except ValueError as error:
        raise NotARecordError(str(error)) from error


def identity(record: Record) -> str:
    """Hex sha256 of what makes two records the same candidate: the key, rule and decisions."""
    key = record.key
    what = [key.workload, key.target, key.pipeline, key.toolchain, key.cost, record.rule]
    text = json.dumps([*what, record.decisions], ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def encode_decisions(decisions: Decisions) -> str:
    """Decisions as a JSON object."""
    return json.dumps(dict(decisions), ensure_ascii=False)


def decode_decisions(text: str) -> object:
    """What ``text`` holds, for ``record_of`` to look at.

    Raises:
        NotARecordError: it is no JSON.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NotARecordError("has decisions that are no JSON") from error


def _record(fields: _Fields) -> Record:
    key = Key(fields.workload, fields.target, fields.pipeline, fields.toolchain, fields.cost_source)
    return Record(
        key,
        fields.kernel,
        fields.rule,
        tuple(fields.decisions.items()),
        fields.status,
        fields.cost,
        fields.unit,
        fields.spread,
        fields.reason,
        fields.schedule,
        fields.seed,
        fields.trial,
    )


def _texts(fields: _Fields) -> list[str]:
    named = (fields.kernel, fields.pipeline, fields.toolchain, fields.cost_source, fields.rule)
    decisions = [part for pair in fields.decisions.items() for part in pair]
    return [*named, fields.unit, fields.reason, *(d for d in decisions if isinstance(d, str))]


def _once(pairs: list[tuple[str, Any]]) -> Mapping[str, Any]:
    """JSON's objects, no key twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise NotARecordError("has a key twice")
    return found


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number")


def _printable(text: str) -> str:
    """``text`` as one line that a terminal shows as it is."""
    shown = "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))
    return shown[:MAX_REASON]


def _quoted(text: str) -> str:
    """Part of an enemy's text, harmless."""
    return _printable(text)[:200]
