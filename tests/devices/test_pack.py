"""Board folders, the runtime libraries in them, and the toolchain that builds the server."""

from __future__ import annotations

import shutil
import subprocess
import threading
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper

from tests.onnx_models import model, save, tensor
from tvmedge.boards.address import parse_address
from tvmedge.boards.emulated import require_emulator
from tvmedge.boards.session import open_session
from tvmedge.bundle import read_bundle, write_bundle
from tvmedge.compiler.compile import compile_model
from tvmedge.device import build_server as building
from tvmedge.device import runtime_wheels, zig
from tvmedge.device.folders import atomic_folder, sums_match
from tvmedge.device.pack import LIBRARY_SERVER, SERVER, SESSION, cached_board, pack_board
from tvmedge.device.runtime_wheels import Wheel, cached_runtime, ensure_runtime
from tvmedge.errors import BoardError, InputError, ToolError
from tvmedge.model.load import load
from tvmedge.targeting import TargetSpec, target
from tvmedge.types import Form

AARCH64 = "manylinux_2_28_aarch64"


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of one's own, without anything in it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def no_downloads(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> Path:
        raise AssertionError("a download was tried")

    monkeypatch.setattr(runtime_wheels, "_fetch", refuse)


def test_a_board_folder_is_complete_and_small(emulated_spec: TargetSpec, tmp_path: Path) -> None:
    report = pack_board(emulated_spec, tmp_path / "pi")
    assert report.total < 6_000_000
    report = pack_board(emulated_spec, tmp_path / "pi", extra=True)
    sizes = {file.path: file.size for file in report.files}
    assert set(sizes) == {
        SERVER,
        SESSION,
        LIBRARY_SERVER,
        "README",
        "SHA256SUMS",
        "lib/libtvm_ffi.so",
        "lib/libtvm_runtime.so",
        "lib/libtvm_runtime_extra.so",
        "licences/apache-tvm-LICENSE",
        "licences/apache-tvm-LICENSE.builtin_fp16.txt",
        "licences/apache-tvm-NOTICE",
        "licences/apache-tvm-ffi-LICENSE",
        "licences/apache-tvm-ffi-NOTICE",
        "licences/apache-tvm-ffi-libbacktrace-LICENSE",
    }
    assert report.total == sum(sizes.values())
    readme = (report.folder / "README").read_text()
    assert len(readme.splitlines()) == 4
    assert "scp -r pi " in readme
    command = ["sha256sum", "--check", "--strict", "SHA256SUMS"]
    subprocess.run(command, cwd=report.folder, check=True)


def test_a_copied_folder_serves(emulated_spec: TargetSpec, tmp_path: Path) -> None:
    report = pack_board(emulated_spec, tmp_path / "pi")
    copied = shutil.move(report.folder, tmp_path / "elsewhere")
    assert emulated_spec.emulator is not None
    command = ["qemu-aarch64", "-L", emulated_spec.emulator.sysroot, f"{copied}/{SERVER}"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=True)
    assert done.stdout == b"tvmedge-server 1\n"


@pytest.mark.parametrize(
    ("name", "form", "why"),
    [
        ("raspberry-pi-2", Form.VM, "no board folder for TVM's VM"),
        ("pixel-8", Form.VM, "no board folder for TVM's VM"),
        ("pixel-8", None, "no C library of aarch64-linux-android"),
        ("cortex-m7", None, "programs are linked with the model"),
        ("mali-g710", None, "compiled, and run by an app that brings TVM's runtime"),
        ("mali-g610", Form.LIBRARY, "run on its GPU, which no freestanding library can use"),
    ],
)
def test_targets_without_a_folder_say_why(
    name: str, form: Form | None, why: str, tmp_path: Path, no_downloads: None
) -> None:
    spec = target(name)
    with pytest.raises(InputError) as raised:
        pack_board(spec, tmp_path / "board", form=form)
    assert why in str(raised.value)
    assert form is not Form.VM or str(spec.runtime.reason) in str(raised.value)
    assert not (tmp_path / "board").exists()


@pytest.mark.parametrize(
    ("name", "form"), [("raspberry-pi-2", None), ("raspberry-pi-4b", Form.LIBRARY)]
)
def test_libraries_need_one_small_server(
    name: str, form: Form | None, tmp_path: Path, no_downloads: None
) -> None:
    spec = target(name)
    for _ in range(2):  # the second replaces the first
        report = pack_board(spec, tmp_path / "board", form=form)
    programs = {LIBRARY_SERVER, SESSION}
    assert {file.path for file in report.files} == {"README", "SHA256SUMS", *programs}
    assert report.total < 150_000
    command = [*require_emulator(spec), str(report.folder / LIBRARY_SERVER)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=True)
    assert done.stdout == b"tvmedge-server 1\n"


def test_an_earlier_folder_is_replaced(tmp_path: Path) -> None:
    spec, out = target("host"), tmp_path / "board"
    pack_board(spec, out)
    (out / "lib" / "old.so").touch()
    assert not pack_board(spec, out).folder.joinpath("lib/old.so").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["board"]


def test_another_folder_is_not_touched(tmp_path: Path, no_downloads: None) -> None:
    (tmp_path / "file").write_text("mine")
    for out in (tmp_path, tmp_path / "file"):
        with pytest.raises(InputError, match="not a board folder made by tvmedge"):
            pack_board(target("host"), out)
    assert (tmp_path / "file").read_text() == "mine"


def test_a_failed_pack_leaves_the_earlier_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec, out = target("host"), tmp_path / "board"
    pack_board(spec, out)

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", fail)
    with pytest.raises(ToolError, match="No space left on disk"):
        pack_board(spec, out)
    assert sums_match(out)
    assert [path.name for path in tmp_path.iterdir()] == ["board"]


def test_an_interrupted_folder_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), atomic_folder(tmp_path / "new") as fresh:
        (fresh / "half").touch()
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_downloaded_to_run(empty_cache: Path, no_downloads: None) -> None:
    if cached_runtime(AARCH64) is not None:
        pytest.skip("this machine is an aarch64 one itself")
    with pytest.raises(ToolError, match="run 'tvmedge board pack raspberry-pi-4b -o DIR' once"):
        cached_board(target("raspberry-pi-4b"))


def test_an_altered_library_is_not_used(
    emulated_spec: TargetSpec, empty_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME")
    good = ensure_runtime(AARCH64)
    monkeypatch.setenv("XDG_CACHE_HOME", str(empty_cache))
    copy = runtime_wheels._folder(AARCH64)
    shutil.copytree(good.libraries[0].parent.parent, copy)
    assert cached_runtime(AARCH64) is not None
    library = copy / "lib" / "libtvm_runtime.so"
    content = bytearray(library.read_bytes())
    content[1000] ^= 1
    library.write_bytes(content)
    assert cached_runtime(AARCH64) is None


@pytest.mark.network
def test_a_wheel_with_another_hash_is_refused(empty_cache: Path, tmp_path: Path) -> None:
    wheel = Wheel("0.1.14.post1", "3.11", "0" * 64)
    with pytest.raises(ToolError, match=r"Cannot download apache-tvm-ffi 0\.1\.14\.post1"):
        runtime_wheels._fetch("apache-tvm-ffi", wheel, AARCH64, tmp_path)


def test_unknown_platforms_are_refused(no_downloads: None) -> None:
    with pytest.raises(InputError, match="known: manylinux_2_28_aarch64"):
        ensure_runtime("manylinux_2_28_riscv64")


def test_a_changed_cache_is_made_again(emulated_spec: TargetSpec) -> None:
    folder = cached_board(emulated_spec)
    (folder / "README").write_text("changed")
    assert cached_board(emulated_spec) == folder
    assert sums_match(folder)


def test_builders_at_the_same_time_agree(empty_cache: Path) -> None:
    built: list[Path] = []
    threads = [
        threading.Thread(target=lambda: built.append(cached_board(target("host"))))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(built) == 3
    assert len(set(built)) == 1
    assert sums_match(built[0])


def test_a_changed_source_is_built_again(
    empty_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = tmp_path / "sources"
    shutil.copytree(building.device_sources(), sources)
    monkeypatch.setattr(building, "device_sources", lambda: sources)
    spec = target("host")
    runtime = cached_runtime(str(spec.runtime.platform))
    assert runtime is not None
    first = building.build_server(spec.toolchain.triple, runtime)
    assert building.build_server(spec.toolchain.triple, runtime) == first
    with (sources / "server.c").open("a") as file:
        file.write("// changed\n")
    assert building.build_server(spec.toolchain.triple, runtime) != first
    (sources / "server.c").write_text("int main(void) { return undeclared; }\n")
    with pytest.raises(ToolError, match=r"could not build the server for .*undeclared"):
        building.build_server(spec.toolchain.triple, runtime)


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("error: NoSpaceLeft", "No space left on disk while building a test"),
        ("error: cannot open a.o\nhint", "could not build a test: error: cannot open a.o."),
        ("", "could not build a test: exit status 1."),
    ],
)
def test_compiler_failures_are_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, sentence: str
) -> None:
    program = tmp_path / "zig"
    program.write_text(f"#!/bin/sh\nprintf '{said}'\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setattr(zig, "zig_program", lambda: str(program))
    with pytest.raises(ToolError) as raised:
        zig.zig_cc([], "a test")
    assert sentence in str(raised.value)


def test_a_compiler_that_does_not_start_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zig, "zig_program", lambda: "/no/such/zig")
    with pytest.raises(ToolError, match="pip install ziglang"):
        zig.zig_cc([], "a test")


def test_a_lean_board_says_what_a_sorting_model_lacks(
    emulated_spec: TargetSpec, tmp_path: Path
) -> None:
    """A real lean folder, a real model with TopK, and the sentence that helps."""
    node = helper.make_node("TopK", ["x", "k"], ["v", "i"], name="topk")
    outputs = [tensor("v", [4, 2]), tensor("i", [4, 2], TensorProto.INT64)]
    proto = model([node], [tensor("x", [4, 8])], outputs, {"k": np.array([2])})
    path = tmp_path / "topk.tvmedge"
    write_bundle(path, compile_model(load(save(proto, tmp_path / "m.onnx")), emulated_spec))
    server = pack_board(emulated_spec, tmp_path / "lean").folder / SERVER
    command = [*require_emulator(emulated_spec), str(server), "--listen", "127.0.0.1:0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as board:
        try:
            assert board.stdout is not None
            port = board.stdout.readline().rpartition(":")[2].strip()
            bundle = read_bundle(path)
            address = parse_address(f"tvm://127.0.0.1:{port}")
            with (
                pytest.raises(BoardError, match=r"topk.*pack the board with --extra"),
                open_session(address, bundle) as session,
            ):
                session.run(bundle.check_inputs())
        finally:
            board.kill()
