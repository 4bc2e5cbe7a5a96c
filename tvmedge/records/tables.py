"""The store's two tables, the same in every database."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import BigInteger, Column, Double, Index, MetaData, String, Table, Text

from tvmedge.records.types import Record
from tvmedge.records.wire import (
    SCHEMA,
    decode_decisions,
    encode_decisions,
    fields_of,
    identity,
    record_of,
)

METADATA = MetaData()

ABOUT = Table(
    "tvmedge_about",
    METADATA,
    Column("name", String(40), primary_key=True),
    Column("value", String(200), nullable=False),
)
"""``schema``: the version of the tables."""

RECORDS = Table(
    "tvmedge_records",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("workload", String(64), nullable=False),
    Column("target", String(200), nullable=False),
    Column("pipeline", String(200), nullable=False),
    Column("toolchain", String(200), nullable=False),
    Column("cost_source", String(200), nullable=False),
    Column("kernel", Text, nullable=False),
    Column("rule", String(200), nullable=False),
    Column("decisions", Text, nullable=False),
    Column("status", String(20), nullable=False),
    Column("cost", Double),
    Column("unit", String(50), nullable=False),
    Column("spread", Double),
    Column("reason", Text, nullable=False),
    Column("schedule", String(64), nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("trial", BigInteger, nullable=False),
    Index("tvmedge_records_workload", "workload", "target"),
    Index("tvmedge_records_target", "target"),
)
"""One row a candidate; ``id`` is its identity, ``decisions`` JSON."""


def row_of(record: Record) -> dict[str, Any]:
    """``record`` as a row."""
    fields = fields_of(record)
    del fields["schema"]
    decisions = encode_decisions(record.decisions)
    return {"id": identity(record), **fields, "decisions": decisions}


def record_of_row(row: Mapping[str, Any]) -> Record:
    """The record in a row, read as strictly as one in a line.

    Raises:
        NotARecordError: somebody else wrote it.
    """
    raw = {str(name): value for name, value in row.items() if name != "id"}
    return record_of({"schema": SCHEMA, **raw, "decisions": decode_decisions(raw["decisions"])})
