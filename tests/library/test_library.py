"""A small model as a library: the VM's results, its manners, what it exports and needs."""

from __future__ import annotations

import ctypes
import hashlib
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from tests.library_runs import (
    Buffer,
    Loaded,
    Scheduled,
    library_of,
    same,
    scheduled,
    vm_of,
)
from tests.onnx_models import conv_net, save
from tvmedge.bundle import tensorfile
from tvmedge.compiler.library.elf import Elf
from tvmedge.compiler.library.symbols import foreign
from tvmedge.model.importer import import_model
from tvmedge.model.load import load
from tvmedge.targeting import target

OK, MISSING, UNALIGNED, WRONG_WEIGHTS = range(4)


def _input(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((1, 3, 16, 16)).astype("float32")


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Scheduled:
    path = save(conv_net(), tmp_path_factory.mktemp("net") / "net.onnx")
    return scheduled(import_model(load(path), {}), target("host"))


@pytest.fixture(scope="module")
def loaded(net: Scheduled, tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    return Loaded(library_of(net).sources(), net.spec, tmp_path_factory.mktemp("lib"))


def test_results_are_the_vms_to_the_last_bit(net: Scheduled, loaded: Loaded) -> None:
    vm = vm_of(net)
    for seed in range(3):
        assert same(loaded.run([_input(seed)]), vm([_input(seed)]))


def test_a_workspace_keeps_nothing(loaded: Loaded) -> None:
    workspace = Buffer(loaded.made.interface.workspace)
    first = loaded.run([_input(1)], workspace)
    loaded.run([_input(2)], workspace)
    assert same(loaded.run([_input(1)], workspace), first)


def test_threads_with_workspaces_of_their_own_do_not_meet(loaded: Loaded) -> None:
    inputs = [[_input(seed)] for seed in range(8)]
    alone = [loaded.run(one) for one in inputs]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(loaded.run, inputs * 25))
    assert all(same(got, alone[i % 8]) for i, got in enumerate(together))


def test_misuse_has_a_code_each(loaded: Loaded) -> None:
    interface = loaded.made.interface
    run = loaded.function("run", ctypes.c_void_p, ctypes.c_void_p)
    buffers = [Buffer(m.nbytes) for m in interface.members]
    addresses = [buffer.address for buffer in buffers] + [loaded.weights.address]
    work = Buffer(interface.workspace).address
    io = (ctypes.c_void_p * len(addresses))(*addresses)
    where = ctypes.addressof(io)
    assert run(where, work) == OK
    assert run(None, work) == run(where, None) == MISSING
    assert run(where, work + 4) == UNALIGNED
    for index, address in enumerate(addresses):
        for wrong, code in ((None, MISSING), (address + 4, UNALIGNED)):
            io[index] = wrong
            assert run(where, work) == code
        io[index] = address


def test_weights_are_checked(loaded: Loaded) -> None:
    check = loaded.function("check_weights", ctypes.c_void_p, ctypes.c_size_t)
    weights = loaded.weights
    size = weights.nbytes
    assert check(weights.address, size) == OK
    assert check(None, size) == MISSING
    assert check(weights.address + 1, size) == UNALIGNED
    assert check(weights.address, size - 1) == WRONG_WEIGHTS
    copy = Buffer(size).fill(weights.bytes)
    copy.bytes[size // 2] ^= 1
    assert check(copy.address, size) == WRONG_WEIGHTS
    stated = (ctypes.c_ubyte * 32).in_dll(ctypes.CDLL(str(loaded.path)), "model_weights_sha256")
    assert bytes(stated) == hashlib.sha256(weights.bytes.tobytes()).digest()


def test_every_kernel_is_reported_in_order(loaded: Loaded) -> None:
    heard: list[tuple[int, bytes]] = []
    kind = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p)
    done = kind(lambda context, call, kernel: heard.append((call, kernel)))
    run = loaded.function("run_profiled", *[ctypes.c_void_p] * 2, kind, ctypes.c_void_p)
    interface = loaded.made.interface
    buffers = [Buffer(m.nbytes) for m in interface.members]
    addresses = [*(buffer.address for buffer in buffers), loaded.weights.address]
    io = (ctypes.c_void_p * len(addresses))(*addresses)
    assert run(ctypes.addressof(io), Buffer(interface.workspace).address, done, None) == OK
    assert [call for call, _ in heard] == list(range(len(heard)))
    assert len(heard) >= 3 and any(b"conv" in kernel for _, kernel in heard)


def test_it_exports_one_prefix_and_needs_c_only(loaded: Loaded) -> None:
    listed = subprocess.run(
        ["nm", "-D", str(loaded.path)], check=True, capture_output=True, text=True
    ).stdout
    symbols = [line.split()[-2:] for line in listed.splitlines()]
    needed = [name.partition("@")[0] for kind, name in symbols if kind in "Uw"]
    given = [name for kind, name in symbols if kind not in "Uw"]
    assert given and all(name.startswith("model_") for name in given)
    assert foreign(needed) == ()
    assert foreign(["memcpy", "expf", "__TVMBackendParallelLaunch"]) == (
        "__TVMBackendParallelLaunch",
    )


def test_kernels_are_hidden_in_their_object(loaded: Loaded) -> None:
    for code in map(Elf, loaded.made.kernels):
        # LLVM's own casts of half precision come with every module of TVM's, weak.
        ours = [name for name in code.defined() if name not in ("__extendhfsf2", "__truncsfhf2")]
        assert ours and all(name.startswith("model_kernel_") for name in ours)
        assert foreign(code.undefined()) == ()


def test_no_memory_of_it_can_be_written(loaded: Loaded) -> None:
    headers = subprocess.run(
        ["readelf", "-SW", str(loaded.path)], check=True, capture_output=True, text=True
    ).stdout
    names = [line.split("]", 1)[1].split()[0] for line in headers.splitlines() if "] ." in line]
    assert ".rodata" in names
    assert ".data" not in names and ".bss" not in names


def test_weights_can_be_inside(net: Scheduled, tmp_path: Path, loaded: Loaded) -> None:
    inside = Loaded(library_of(net, "within").sources(embed_weights=True), net.spec, tmp_path)
    assert same(inside.run([_input(5)]), loaded.run([_input(5)]))
    packed = b"".join(tensorfile.encode(inside.made.weights))
    assert packed in inside.path.read_bytes()
    assert packed not in loaded.path.read_bytes()


def test_the_same_model_gives_one_library(net: Scheduled, loaded: Loaded, tmp_path: Path) -> None:
    again = Loaded(library_of(net).sources(), net.spec, tmp_path)
    assert again.path.read_bytes() == loaded.path.read_bytes()
