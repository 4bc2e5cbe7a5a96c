"""Bundles and zips made on purpose to do harm, with every checksum right."""

from __future__ import annotations

import hashlib
import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.test_bundle_roundtrip import sample
from tvmedge.bundle import consistency, container, manifest_json, read_bundle, write_bundle
from tvmedge.bundle.malformed import MalformedError
from tvmedge.errors import InputError

Files = dict[str, bytes]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    path = tmp_path_factory.mktemp("good") / "net.tvmedge"
    write_bundle(path, sample())
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(files: Files) -> bytes:
    entries = [container.Entry(name, zlib.crc32(x), len(x)) for name, x in files.items()]
    layout = container.lay_out(entries)
    parts = zip(layout.headers, files.values(), strict=True)
    return b"".join(header + content for header, content in parts) + layout.tail


def forged(files: Files, change: Callable[[dict[str, Any]], object]) -> bytes:
    """The files with a changed manifest, rebuilt so that all but the change is right."""
    manifest = json.loads(files["manifest.json"])
    manifest["files"] = [
        {"path": name, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in files.items()
        if name != "manifest.json"
    ]
    change(manifest)
    text = json.dumps(manifest, sort_keys=True, indent=1, ensure_ascii=False).encode() + b"\n"
    return zipped({**files, "manifest.json": text})


def refusal(tmp_path: Path, content: bytes) -> str:
    path = tmp_path / "net.tvmedge"
    path.write_bytes(content)
    with pytest.raises(InputError) as info:
        read_bundle(path)
    return str(info.value)


def test_forging_without_a_change_is_accepted(tmp_path: Path, files: Files) -> None:
    (tmp_path / "net.tvmedge").write_bytes(forged(files, lambda manifest: None))
    read_bundle(tmp_path / "net.tvmedge")


MANIFESTS: dict[str, Callable[[dict[str, Any]], object]] = {
    "made by a newer tvmedge (schema 2.0), this one reads 1.x: upgrade tvmedge.": (
        lambda m: m.update(schema_version="2.0", news=1)
    ),
    "made by an older tvmedge (schema 0.9)": lambda m: m.update(schema_version="0.9"),
    "'1' is not of the form 1.0": lambda m: m.update(schema_version="1"),
    "'1.-1' is not of the form 1.0": lambda m: m.update(schema_version="1.-1"),
    "states no schema version": lambda m: m.pop("schema_version"),
    "unknown key 'modle' (nearest: model": lambda m: m.update(modle=1),
    "unknown key 'code.kernel_totals' (nearest: kernels_": lambda m: m["code"].update(
        kernel_totals=1
    ),
    "$.code.kernels": lambda m: m["code"].update(kernels=1),
    "costs an impossible": lambda m: m["code"].update(
        kernels=[{"name": "k", "rule": "", "operations": -1, "moved_bytes": None}]
    ),
    "unknown key 'files.mode'": lambda m: m["files"][0].update(mode=1),
    "`target`": lambda m: m.pop("target"),
    "$.code.kernels_total": lambda m: m["code"].update(kernels_total=True),
    "$.check.tolerance": lambda m: m["check"].update(tolerance="1"),
    "Expected `object`": lambda m: m.update(model=[]),
    "kernels contradict": lambda m: m["code"].update(kernels_total=-1, kernels_tuned=-2),
    "tolerance -1.0": lambda m: m["check"].update(tolerance=-1.0),
    "not JSON": lambda m: m["check"].update(tolerance=float("nan")),
    "is not of the form code/NAME": lambda m: m["code"].update(file="../../bin/sh"),
    "lists": lambda m: m["files"].pop(),
    "another size": lambda m: m["files"][0].update(size=10**30),
    "where a sha256 belongs": lambda m: m["files"][0].update(sha256="0"),
    "where x:0:1x2x9 float32 is stated": (
        lambda m: m["signature"]["inputs"][0].update(shape=[1, 2, 9])
    ),
    "where n:scalar float64 is stated": lambda m: m["signature"]["inputs"][1].update(
        dtype="float64"
    ),
    "check vector 'input:n' that its manifest": lambda m: m["signature"]["inputs"].pop(),
    "weight 'w.c' is missing": lambda m: m["code"]["weights"].append("w.c"),
    "weight 'w.a' that its manifest does not": lambda m: m["code"]["weights"].remove("w.a"),
}


@pytest.mark.parametrize("problem", MANIFESTS)
def test_a_wrong_manifest_is_refused(tmp_path: Path, files: Files, problem: str) -> None:
    assert problem in refusal(tmp_path, forged(files, MANIFESTS[problem]))


def test_a_bundle_of_schema_1_0_says_nothing_of_fixed_inputs(tmp_path: Path, files: Files) -> None:
    def older(manifest: dict[str, Any]) -> None:
        manifest["schema_version"] = "1.0"
        del manifest["fixed_inputs"]

    path = tmp_path / "net.tvmedge"
    path.write_bytes(forged(files, older))
    assert read_bundle(path).manifest.fixed_inputs == ()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"name": "n"}, "names the input 'n' twice"),
        ({"sha256": "?"}, "'?' where a sha256 belongs"),
        ({"dtype": "float9"}, "fixed input 'sr' has no usable type"),
        ({"shape": [-1]}, "fixed input 'sr' has no usable type"),
        ({"shape": [2]}, "fixed input 'sr' has another size than its value"),
        ({"value": ["1"]}, "not usable"),
        ({"more": 1}, "more"),
    ],
)
def test_a_wrong_fixed_input_is_refused(
    tmp_path: Path, files: Files, change: dict[str, Any], problem: str
) -> None:
    entry = {"name": "sr", "shape": [], "dtype": "int64", "value": [1], "sha256": "0" * 64}
    fixed = [entry | change]
    assert problem in refusal(tmp_path, forged(files, lambda m: m.update(fixed_inputs=fixed)))


LIBRARY = {"prefix": "net", "workspace_bytes": 64, "threads": 1}
PROGRAM = {"file": "code/program", "server_sha256": "0" * 64}


def _linked(files: Files, more: dict[str, Any], **program: str) -> bytes:
    """The bundle of a board that loads no libraries, with ``more`` in its code."""

    def change(manifest: dict[str, Any]) -> None:
        code = {"file": "code/model.a", "form": "library", "library": LIBRARY}
        manifest["code"] |= code | {"program": PROGRAM | program} | more

    known = {name.replace("model.so", "model.a"): content for name, content in files.items()}
    at = list(known).index("code/model.a") + 1
    listed = [*known.items()]
    return forged(dict([*listed[:at], ("code/program", b"server"), *listed[at:]]), change)


def test_a_program_comes_with_its_archive(tmp_path: Path, files: Files) -> None:
    path = tmp_path / "net.tvmedge"
    path.write_bytes(_linked(files, {}))
    assert bytes(read_bundle(path).program() or b"") == b"server"


@pytest.mark.parametrize(
    ("more", "program", "problem"),
    [
        ({"file": "code/model.so"}, {}, "holds a program for a board that loads its library"),
        ({"form": "vm", "library": None}, {}, "holds a program for a board that loads its"),
        ({}, {"file": "program"}, "'program' is not of the form code/NAME"),
        ({}, {"file": "code/model.a"}, "names the code file 'code/model.a' twice"),
        ({}, {"server_sha256": "?"}, "program has '?' where a sha256 belongs"),
        ({}, {"file": "code/other"}, "it has no code/other"),
        ({}, {"mode": "x"}, "unknown key 'code.program.mode'"),
        ({"program": None}, {}, "it holds the unknown file 'code/program'"),
        ({"program": 1}, {}, "$.code.program"),
    ],
)
def test_a_wrong_program_is_refused(
    tmp_path: Path, files: Files, more: dict[str, Any], program: dict[str, str], problem: str
) -> None:
    assert problem in refusal(tmp_path, _linked(files, more, **program))


def test_a_program_is_bounded(
    tmp_path: Path, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consistency, "MAX_PROGRAM_BYTES", 5)
    assert "its program has 6 bytes where 5 are the most" in refusal(tmp_path, _linked(files, {}))


def test_a_newer_minor_may_add_keys_and_files(tmp_path: Path, files: Files) -> None:
    path = tmp_path / "net.tvmedge"
    path.write_bytes(
        forged({**files, "extra": b"?"}, lambda m: m.update(schema_version="1.9", news=1))
    )
    assert read_bundle(path).manifest.schema_version == "1.9"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"[" * 100_000, "not JSON"),
        (b"{}", "no schema version"),
        (b"[]\n", "no schema version"),
        (b"\xff", "not JSON"),
        (b"", "not JSON"),
        (b" " * (1 << 20) + b"1", "larger than 1 MiB"),
        (b'{"schema_version": "1.0"}', "not in the form"),
        (b'{\n "schema_version": "1.0",\n "schema_version": "1.0"\n}\n', "not in the form"),
    ],
)
def test_a_manifest_that_is_no_manifest(
    tmp_path: Path, files: Files, text: bytes, problem: str
) -> None:
    assert problem in refusal(tmp_path, zipped({**files, "manifest.json": text}))


@given(st.recursive(st.none() | st.integers() | st.text(), lambda x: st.dictionaries(st.text(), x)))
def test_any_other_json_is_refused(raw: object) -> None:
    with pytest.raises(MalformedError):
        manifest_json.loads(json.dumps(raw).encode())


def test_files_missing_unknown_or_first(tmp_path: Path, files: Files) -> None:
    nothing: Callable[[dict[str, Any]], object] = lambda manifest: None  # noqa: E731
    less = {name: content for name, content in files.items() if name != "NOTICE"}
    assert "has no NOTICE" in refusal(tmp_path, forged(less, nothing))
    more = {**files, "evil.sh": b"rm"}
    assert "unknown file 'evil.sh'" in refusal(tmp_path, forged(more, nothing))
    last = {**less, "manifest.json": files["manifest.json"]}
    last = {name: last[name] for name in sorted(last, key="manifest.json".__eq__)}
    assert "does not begin with manifest.json" in refusal(tmp_path, zipped(last))
    assert "does not begin with manifest.json" in refusal(tmp_path, zipped({}))


def python_zip(**names: bytes) -> io.BytesIO:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in names.items():
            archive.writestr(name, content)
    return file


def test_zip_bombs_are_refused_by_their_headers(tmp_path: Path, files: Files) -> None:
    deflated = io.BytesIO()
    with zipfile.ZipFile(deflated, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("manifest.json", bytes(10 << 20))
    assert "compressed" in refusal(tmp_path, deflated.getvalue())

    for count, stated in ((17, 17), (100_000, 0xFFFF)):
        crowd = python_zip(**{str(i): b"" for i in range(count)})
        assert f"names {stated} files where 16" in refusal(tmp_path, crowd.getvalue())

    whole = bytearray(zipped(files))
    last = whole.rindex(b"PK\1\2")
    whole[last + 20 : last + 28] = struct.pack("<2I", 0xF000_0000, 0xF000_0000)
    assert "sizes that it states differ" in refusal(tmp_path, bytes(whole))


def test_entries_that_share_their_data_are_refused(tmp_path: Path, files: Files) -> None:
    whole = bytearray(zipped(files))
    first, second = whole.index(b"PK\1\2"), whole.index(b"PK\1\2", whole.index(b"PK\1\2") + 4)
    whole[second + 42 : second + 46] = whole[first + 42 : first + 46]
    assert "list of files is damaged" in refusal(tmp_path, bytes(whole))


@pytest.mark.parametrize(
    "name",
    ["/etc/passwd", "../up", "a/../../b", "a\\b", "C:x", "a/b/c", "", ".", "x\0y", "é", "a/"],
)
def test_unsafe_names_are_refused(tmp_path: Path, files: Files, name: str) -> None:
    if raw := name.encode():
        stand_in = "Q" * len(raw)
        content = zipped({**files, stand_in: b""})
        assert content.count(b"Q") == 2 * len(raw)
        assert "unsafe name" in refusal(tmp_path, content.replace(stand_in.encode(), raw))
    with pytest.raises(MalformedError, match="unsafe name"):
        container.lay_out([container.Entry(name, 0, 0)])


def test_flags_and_kinds_are_refused(tmp_path: Path, files: Files) -> None:
    good = zipped(files)
    central = good.index(b"PK\1\2")
    for offset, value, problem in (
        (8, 1, "encrypted"),
        (8, 8, "another tool"),  # a data descriptor
        (30, 1, "another tool"),  # an extra field
        (40, 0o120777, "another tool"),  # a symbolic link
    ):
        whole = bytearray(good)
        whole[central + offset : central + offset + 2] = struct.pack("<H", value)
        assert problem in refusal(tmp_path, bytes(whole))


def test_a_file_twice_is_refused(tmp_path: Path, files: Files) -> None:
    renamed = {("code/modem.so" if "code" in name else name): x for name, x in files.items()}
    both = zipped({**files, **renamed}).replace(b"code/modem.so", b"code/model.so")
    assert "holds a file twice" in refusal(tmp_path, both)


def test_a_bundle_zipped_again_by_another_tool_is_refused(tmp_path: Path, files: Files) -> None:
    assert "sizes that it states differ" in refusal(tmp_path, python_zip(**files).getvalue())


def test_more_than_a_zip_can_hold_is_refused() -> None:
    with pytest.raises(MalformedError, match="larger than 4 GiB"):
        container.lay_out([container.Entry("a", 0, 1 << 31), container.Entry("b", 0, 1 << 31)])
