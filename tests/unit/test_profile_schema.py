"""docs/profile.md lists the fields of a profile's JSON, each and no other."""

from __future__ import annotations

import re
from pathlib import Path

from tests.unit.test_per_op import CODE, ROOF, TIMES
from tvmedge.cli.output import JSON_SCHEMA_VERSION
from tvmedge.cli.profile_document import latency_document, per_op_document
from tvmedge.profiling.per_op import per_op

DOCUMENT = Path(__file__).parents[2] / "docs/profile.md"


def listed(field: str) -> set[str]:
    """What a row of the table names in its second column."""
    row = re.search(rf"^\| `{re.escape(field)}` \| (.*) \|$", DOCUMENT.read_text(), re.M)
    assert row, field
    return set(re.findall(r"`(\w+)`", row[1]))


def test_the_document_names_what_is_written() -> None:
    assert f"`schema_version` is `{JSON_SCHEMA_VERSION}`" in DOCUMENT.read_text()
    assert listed("latency") == {*latency_document((1.0, 2.0)), "settled"}
    found = per_op_document(per_op(TIMES, CODE, ROOF))
    values = {"time", "packets", "instructions"}
    assert listed("per_op") == {*found, *found["roofline"]} | values
    assert listed("per_op.kernels") == set(found["kernels"][0])
