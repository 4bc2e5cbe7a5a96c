"""``compile --records``: what fits is applied, what does not is named."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.onnx_models import conv_net, save
from tests.records.tuning import varied
from tvmedge.bundle import read_bundle
from tvmedge.cli import main
from tvmedge.records.place import default_file
from tvmedge.records.store import open_store
from tvmedge.records.types import Decisions, Record
from tvmedge.scheduling.workload import target_key
from tvmedge.targeting import target
from tvmedge.targeting.host_cores import processors, with_cores


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(conv_net(channels=32), tmp_path_factory.mktemp("net") / "net.onnx")


@pytest.fixture(scope="module")
def records(net: Path) -> list[Record]:
    found = varied(net, "host")
    assert len(found) >= 2
    return found


def _compile(
    net: Path, out: Path, capsys: pytest.CaptureFixture[str], *more: str
) -> tuple[dict[str, Any], str]:
    """The document's first bundle, and what people read."""
    capsys.readouterr()
    assert main(["compile", str(net), "-t", "host", "-o", str(out), "--json", *more]) == 0
    document, text = capsys.readouterr()
    return json.loads(document)["bundles"][0]["kernels"], text


def _store(file: Path, *records: Record) -> str:
    with open_store(str(file), create=True) as store:
        store.put(*records)
    return str(file)


def test_what_fits_is_applied_said_and_right(
    net: Path, records: list[Record], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = _store(tmp_path / "r.db", *records)
    kernels, text = _compile(net, tmp_path, capsys, "--records", store, "--verify")
    total, tuned = kernels["total"], len(records)
    assert kernels["tuned"] == tuned
    assert f"{tuned} of {total} kernels tuned (by wall-time local {tuned}), " in text
    assert f"{total - tuned} by default rules" in text
    assert "refused" not in text
    assert kernels["verified"]["kernels"] == total
    applied = kernels["records"]["applied"]
    assert {r.kernel: dict(r.decisions) for r in records} == {
        name: record["decisions"] for name, record in applied.items()
    }
    bundle = tmp_path / "net-host.tvmedge"
    manifest = read_bundle(bundle).manifest
    assert manifest.code.kernels_tuned == tuned
    assert manifest.records_sha256 == kernels["records"]["sha256"]
    assert main(["run", str(bundle), "--check"]) == 0
    untuned, text = _compile(net, tmp_path / "plain", capsys, "--records", "none")
    assert (untuned["tuned"], untuned["records"]["sha256"]) == (0, None)
    assert f"0 of {total} kernels tuned, {total} by default rules" in text
    plain = read_bundle(tmp_path / "plain" / "net-host.tvmedge").manifest
    assert plain.records_sha256 is None
    assert plain.files != manifest.files


def test_the_users_own_store_is_used_when_it_exists(
    net: Path,
    records: list[Record],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    _store(default_file(), *records)
    assert _compile(net, tmp_path, capsys)[0]["tuned"] == len(records)
    assert _compile(net, tmp_path, capsys, "--records", "none")[0]["tuned"] == 0


def test_what_does_not_fit_is_refused_by_name(
    net: Path, records: list[Record], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sibling, stale = records[:2]
    pi = dataclasses.replace(sibling.key, target=f"raspberry-pi-5:{'0' * 64}")
    gone: Decisions = (("no such knob", 3),)
    store = _store(
        tmp_path / "r.db",
        dataclasses.replace(sibling, key=pi),
        dataclasses.replace(stale, decisions=gone),
        *records[2:],
    )
    kernels, text = _compile(net, tmp_path, capsys, "--records", store)
    assert kernels["tuned"] == len(records) - 2
    assert kernels["records"]["refused"] == {
        sibling.kernel: "recorded for raspberry-pi-5",
        stale.kernel: "the rule no longer asks for no such knob",
    }
    assert f"records refused, recorded for raspberry-pi-5: {sibling.kernel}" in text
    assert f"the rule no longer asks for no such knob: {stale.kernel}" in text


def test_a_host_of_other_cores_is_said_to_be_that(
    net: Path, records: list[Record], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As where one tunes on all cores, and compiles under ``taskset``."""
    spec = target("host")
    other = spec.board.cores + 1 if spec.board.cores < (os.cpu_count() or 1) else 1
    if other == spec.board.cores:
        pytest.skip("this machine has one core")
    for stored in (other, 10_000):
        key = target_key(with_cores(spec, stored))
        moved = [
            dataclasses.replace(r, key=dataclasses.replace(r.key, target=key)) for r in records
        ]
        store = _store(tmp_path / f"{stored}.db", *moved)
        kernels, text = _compile(net, tmp_path, capsys, "--records", store)
        assert kernels["tuned"] == 0
        if stored == other:
            assert f"recorded for a host of {other} core" in text
            assert f"this process may use {spec.board.cores} ({processors()})" in text
        else:
            assert "recorded for a host of other facts" in text


def test_a_store_that_is_missing_is_one_sentence(
    net: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["compile", str(net), "-t", "host", "-o", str(tmp_path)]
    assert main([*command, "--records", str(tmp_path / "none.db")]) == 2
    assert "There is no record store" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
