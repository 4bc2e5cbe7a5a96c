"""``tvmedge records``: every command, as people and as scripts see it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.records.examples import key, record
from tvmedge.cli import main
from tvmedge.records.store import open_store
from tvmedge.records.types import Record, Status
from tvmedge.records.wire import line_of
from tvmedge.scheduling.workload import PIPELINE, target_key, toolchain
from tvmedge.targeting import target

PI = key(target="raspberry-pi-4b")
RECORDS = (
    record(1, 3.0, trial=0),
    record(2, 1.5, trial=1),
    record(3, None, reason="did not end", trial=2),
    record(1, 7.0, key=PI, kernel="pool"),
)


def _store(file: Path, *records: Record) -> str:
    with open_store(str(file), create=True) as store:
        store.put(*records)
    return str(file)


def _run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[dict[str, Any], str]:
    capsys.readouterr()
    assert main(["records", *arguments, "--json"]) == 0
    document, text = capsys.readouterr()
    return json.loads(document), text


@pytest.fixture
def store(tmp_path: Path) -> str:
    return _store(tmp_path / "records.db", *RECORDS)


def test_list(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    document, text = _run(capsys, "list", "--records", store)
    conv, pool = document["kernels"]
    assert (conv["best"]["cost"], conv["untuned"]) == (1.5, 3.0)
    assert conv["tried"] == {"failed": 1, "measured": 2}
    assert pool["target"] == "raspberry-pi-4b"
    assert "fused_conv2d_relu  host, wall-time local: 1.5 s, 0.50 of untuned, 3 candidates" in text
    assert "2 kernels, 4 candidates in " in text
    document, _ = _run(capsys, "list", "--records", store, "-t", "raspberry-pi-4b")
    assert document["kernels"] == [pool]
    assert _run(capsys, "list", "--records", store, "--cost", "model")[0]["kernels"] == []


@pytest.mark.parametrize("name", ["fused_conv2d_relu", key().workload[:6]])
def test_show(store: str, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    document, text = _run(capsys, "show", name, "--records", store, "-t", "host")
    assert [c["decisions"]["columns"] for c in document["candidates"]] == [2, 1, 3]
    assert "1.5 s  conv  columns=2 order=spatial unroll=True  (host)" in text
    assert "failed (did not end)  conv  columns=3" in text
    assert main(["records", "show", "nothing", "--records", store]) == 2
    assert "There is no record of a kernel 'nothing'" in capsys.readouterr().err


def test_export_and_import(store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "out")
    document, _ = _run(capsys, "export", "--records", store, "-o", out)
    assert document["files"] == {f"{out}/host.jsonl": 1, f"{out}/raspberry-pi-4b.jsonl": 1}
    host = tmp_path / "out" / "host.jsonl"
    assert host.read_text() == line_of(RECORDS[1]) + "\n"
    again = str(tmp_path / "again.db")
    document, _ = _run(capsys, "import", str(host), "--records", again)
    assert document["files"][0]["changed"] == 1
    assert open_store(again).find() == [RECORDS[1]]
    _run(capsys, "export", "--records", store, "-o", out, "--every")
    assert len(host.read_text().splitlines()) == 3


def test_a_kernel_tuned_anew_is_a_line_changed(
    store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "host.jsonl"
    more = [record(1, 1.0 + n, kernel=f"k{n}", key=key(f"k{n}")) for n in range(5)]
    _store(Path(store), *more)
    texts = []
    for better in (record(2, 1.5), record(5, 0.5)):
        _store(Path(store), better)
        _run(capsys, "export", "--records", store, "-o", str(tmp_path), "-t", "host")
        texts.append(file.read_text().splitlines())
    assert sum(a != b for a, b in zip(*texts, strict=True)) == 1


def test_bad_lines_are_named_and_the_others_stored(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "r.jsonl"
    file.write_text(f"{line_of(RECORDS[0])}\n{{\n{line_of(RECORDS[1])}\n")
    into = str(tmp_path / "into.db")
    assert main(["records", "import", str(file), "--records", into]) == 2
    assert "1 of the lines in" in (text := capsys.readouterr().err)
    assert "line 2 is no JSON" in text
    assert open_store(into).count() == 2


def test_merge(store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = _store(tmp_path / "other.db", record(1, 1.0), record(2, 9.0), record(9, 9.0))
    document, _ = _run(capsys, "merge", other, "--records", store)
    assert document["stores"] == [{"store": other, "records": 3, "changed": 2}]
    costs = {dict(r.decisions)["columns"]: r.cost for r in open_store(store).find()[:4]}
    assert costs == {1: 1.0, 2: 1.5, 3: None, 9: 9.0}


def test_prune(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    now = key(pipeline=PIPELINE, toolchain=toolchain())
    now = type(now)(
        now.workload, target_key(target("raspberry-pi-4b")), now.pipeline, now.toolchain, now.cost
    )
    keep = [record(1, 1.0, key=now), record(4, None, key=now, status=Status.WRONG)]
    dominated = [record(2, 2.0, key=now), record(3, None, key=now)]
    outdated = [
        record(5, key=key(target="no-such-board")),
        record(6, key=PI),
        record(7, key=type(now)(now.workload, now.target, "0", now.toolchain, now.cost)),
        record(8, key=type(now)(now.workload, now.target, PIPELINE, "tvm 0", now.cost)),
    ]
    store = _store(tmp_path / "r.db", *keep, *dominated, *outdated)
    document, text = _run(capsys, "prune", "--records", store, "--dry-run")
    assert document["dropped"] == {
        "no target 'no-such-board'": 1,
        "other facts of raspberry-pi-4b": 1,
        f"pipeline 0, now {PIPELINE}": 1,
        f"tvm 0, now {toolchain()}": 1,
        "failed": 1,
        "not the best of its kernel": 1,
    }
    assert "6  would be dropped, 8 in" in text
    assert _run(capsys, "prune", "--records", store, "--no-dominated")[0]["left"] == 4
    assert _run(capsys, "prune", "--records", store)[0]["left"] == 2
    assert open_store(store).find() == keep


def test_prune_leaves_what_holds_on_another_host(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A team's store has records of several; and this one has fewer cores under ``taskset``."""
    keys = {"pipeline": PIPELINE, "toolchain": toolchain()}
    theirs, worse = record(1, 1.0, key=key(**keys)), record(2, 2.0, key=key(**keys))
    store = _store(tmp_path / "r.db", theirs, worse)
    document, text = _run(capsys, "prune", "--records", store)
    assert document["dropped"] == {"not the best of its kernel": 1}
    assert "1  of them are of another host, or of this one with other cores" in text
    assert open_store(store).find() == [theirs]


def test_a_store_that_is_missing_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in (["list"], ["show", "x"], ["export"], ["prune"]):
        assert main(["records", *command, "--records", str(tmp_path / "none.db")]) == 2
        assert "There is no record store" in capsys.readouterr().err
