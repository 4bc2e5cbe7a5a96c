"""No damage is accepted or ends in a traceback: every byte, every length, random edits."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.test_bundle_roundtrip import sample
from tvmedge.bundle import read_bundle, write_bundle
from tvmedge.errors import InputError, TrustError, TvmEdgeError

REFUSED = (InputError, TrustError)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("whole") / "net.tvmedge"
    write_bundle(path, sample())
    return path.read_bytes()


def refused(path: Path, content: bytes) -> TvmEdgeError:
    path.write_bytes(content)
    with pytest.raises(REFUSED) as info:
        read_bundle(path)
    message = str(info.value)
    assert message.startswith(f"'{path}' ")
    assert message.endswith(".")
    assert "\n" not in message
    return info.value


def test_every_flipped_byte_is_refused(tmp_path: Path, whole: bytes) -> None:
    path = tmp_path / "net.tvmedge"
    path.write_bytes(whole)
    accepted = []
    with path.open("r+b", buffering=0) as file:
        for position, byte in enumerate(whole):
            for flip in (1 << position % 8, 0xFF):
                os.pwrite(file.fileno(), bytes([byte ^ flip]), position)
                try:
                    read_bundle(path)
                    accepted.append((position, flip))
                except REFUSED:
                    pass
            os.pwrite(file.fileno(), bytes([byte]), position)
    assert accepted == []
    read_bundle(path)


def test_every_truncation_is_refused(tmp_path: Path, whole: bytes) -> None:
    for length in range(len(whole)):
        assert isinstance(refused(tmp_path / "cut.tvmedge", whole[:length]), InputError)


@given(
    start=st.integers(0, 4096),
    removed=st.integers(0, 64),
    added=st.binary(max_size=64),
)
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_random_edits_are_refused(
    tmp_path: Path, whole: bytes, start: int, removed: int, added: bytes
) -> None:
    edited = whole[:start] + added + whole[start + removed :]
    if edited != whole:
        refused(tmp_path / "edited.tvmedge", edited)


@pytest.mark.parametrize(
    ("part", "file"),
    [
        (b"\x7fELF", "code/model.so"),
        (b"Apache TVM", "NOTICE"),
        (b'"MIT"', "manifest.json"),
        (b"\0\0\x80?" * 5, "check.safetensors"),
    ],
)
def test_a_changed_file_is_a_matter_of_trust(
    tmp_path: Path, whole: bytes, part: bytes, file: str
) -> None:
    at = whole.index(part)
    error = refused(tmp_path / "net.tvmedge", whole[:at] + b"!" + whole[at + 1 :])
    assert isinstance(error, TrustError)
    assert f"'{file}'" in str(error)
    assert "the bundle is damaged or was altered: copy or build it again" in str(error)


@pytest.mark.parametrize("junk", [b"\0", b"#!/bin/sh\n", b"PK\5\6" + bytes(18)])
def test_garbage_before_or_after_is_refused(tmp_path: Path, whole: bytes, junk: bytes) -> None:
    refused(tmp_path / "before.tvmedge", junk + whole)
    refused(tmp_path / "after.tvmedge", whole + junk)


@pytest.mark.parametrize(
    "content", [b"x", b"not a zip at all" * 10, bytes(4096), b"PK\5\6" + bytes(18)]
)
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    assert isinstance(refused(tmp_path / "other", content), InputError)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "empty").touch()
    for name, problem in {
        "absent": "Cannot read the bundle '.*absent': No such file",
        ".": "is not a file",
        "pipe": "is not a file",
        "empty": "is empty",
    }.items():
        with pytest.raises(InputError, match=problem):
            read_bundle(tmp_path / name)
