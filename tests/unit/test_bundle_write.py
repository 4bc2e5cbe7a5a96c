"""A bundle is written whole or not at all, and never with contents that disagree."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.small_disk import small_disk
from tests.unit.test_bundle_roundtrip import sample
from tvmedge.bundle import BundleContents, container, write_bundle
from tvmedge.bundle.malformed import MalformedError
from tvmedge.errors import ExitCode, ToolError
from tvmedge.types import Signature, TensorSpec


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError, OSError("gone")])
def test_an_interrupt_half_way_leaves_the_old_bundle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    path = tmp_path / "net.tvmedge"
    write_bundle(path, sample())
    before = path.read_bytes()
    lay_out = container.lay_out

    def breaking(entries: Any) -> container.Layout:
        class Headers(tuple[bytes, ...]):
            def __iter__(self) -> Iterator[bytes]:
                yield self[0]
                raise error

        layout = lay_out(entries)
        return replace(layout, headers=Headers(layout.headers))

    monkeypatch.setattr(container, "lay_out", breaking)
    with pytest.raises((KeyboardInterrupt, MemoryError, ToolError)):
        write_bundle(path, replace(sample(), library=b"another"))
    assert path.read_bytes() == before
    assert names(tmp_path) == ["net.tvmedge"]


def test_a_full_disk_is_one_sentence(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 256) as disk:
        with pytest.raises(ToolError, match=r"^No space left on disk while writing '.*big") as info:
            write_bundle(disk / "big.tvmedge", replace(sample(), library=bytes(1 << 20)))
        assert info.value.exit_code == ExitCode.TOOL
        assert names(disk) == []


def test_a_file_size_limit_is_one_sentence(tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(ToolError, match=r"^Cannot write '.*big"):
            write_bundle(tmp_path / "big.tvmedge", replace(sample(), library=bytes(1 << 20)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert names(tmp_path) == []


def test_a_folder_that_is_a_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ToolError, match="Cannot write"):
        write_bundle(tmp_path / "file" / "net.tvmedge", sample())


def broken() -> dict[str, BundleContents]:
    good = sample()
    big = np.zeros((1, 2, 3), np.float64)
    inputs = good.check_inputs
    twice = Signature((TensorSpec("n", (), "int64"),) * 2, good.signature.outputs)
    return {
        "code/NAME": replace(good, code=replace(good.code, file="../model.so")),
        "kernels": replace(good, code=replace(good.code, kernels_tuned=4)),
        "tolerance": replace(good, check=replace(good.check, tolerance=float("nan"))),
        "sha256": replace(good, model=replace(good.model, sha256="AB" * 32)),
        "'w.b' is missing": replace(good, weights={"w.a": good.weights["w.a"]}),
        "does not name": replace(good, weights={**good.weights, "more": np.zeros(1)}),
        "weight 'w.a' twice": replace(good, code=replace(good.code, weights=("w.a", "w.a"))),
        "input 'n' twice": replace(good, signature=twice),
        "where x:0:1x2x3 float32 is stated": replace(good, check_inputs={**inputs, "x:0": big}),
        "check vector 'input:n' is missing": replace(good, check_inputs={"x:0": inputs["x:0"]}),
        "not one we store": replace(good, weights={**good.weights, "w.a": np.array([object()])}),
        "reserved": replace(good, weights={"__metadata__": np.zeros(1)}),
        "surrogates": replace(good, model=replace(good.model, name="\udc80")),
        "not valid Unicode": replace(good, weights={"\udc80": np.zeros(1)}),
        "1 MiB": replace(good, model=replace(good.model, licence="x" * (1 << 20))),
    }


@pytest.mark.parametrize("problem", broken())
def test_contents_that_disagree_are_never_written(tmp_path: Path, problem: str) -> None:
    with pytest.raises(MalformedError, match=problem):
        write_bundle(tmp_path / "net.tvmedge", broken()[problem])
    assert names(tmp_path) == []


def test_ctrl_c_in_a_real_process_leaves_nothing(tmp_path: Path) -> None:
    code = f"""
import os, signal
from dataclasses import replace
from pathlib import Path
from tests.unit.test_bundle_roundtrip import sample
from tvmedge import resources
from tvmedge.bundle import write_bundle
resources._sync = lambda path: os.kill(os.getpid(), signal.SIGINT)
write_bundle(Path({str(tmp_path / "net.tvmedge")!r}), sample())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert b"KeyboardInterrupt" in done.stderr
    assert names(tmp_path) == []
