"""A bundle that cannot run on this machine says so and says what to do."""

from __future__ import annotations

import platform
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.test_bundle_roundtrip import sample
from tvmedge.bundle import Bundle, TargetInfo, read_bundle, require_runnable_here, write_bundle
from tvmedge.errors import ExitCode, InputError
from tvmedge.types import DeviceKind


def bundle(folder: Path, target: TargetInfo) -> Bundle:
    write_bundle(folder / "net.tvmedge", replace(sample(), target=target))
    return read_bundle(folder / "net.tvmedge")


def lacks(*absent: str) -> Callable[[Iterable[str]], tuple[str, ...]]:
    def missing(needed: Iterable[str]) -> tuple[str, ...]:
        return tuple(name for name in needed if name in absent)

    return missing


PI = TargetInfo("raspberry-pi-4b", "arm_cpu", "aarch64-linux-gnu", "cortex-a72", ())
PI_2 = TargetInfo("raspberry-pi-2", "arm_cpu", "armv7a-linux-gnueabihf", "cortex-a7", ())
GPU = TargetInfo(
    "mali-g610", "mali", "aarch64-linux-gnu", "cortex-a76", (), device=DeviceKind.OPENCL
)
HOST = TargetInfo("host", "host", "x86_64-linux-gnu", "znver3", ("avx2", "fma"))


@pytest.mark.parametrize(
    ("target", "advice"),
    [
        (PI, "run it with --board emulated or on the device."),
        (PI_2, "is for arm (target raspberry-pi-2), this machine is x86_64: run it on the device."),
        (GPU, "is x86_64: run it with --board emulated or on the device."),
    ],
)
def test_another_architecture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: TargetInfo, advice: str
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    with pytest.raises(InputError, match=re.escape(advice)) as info:
        require_runnable_here(bundle(tmp_path, target), lacks())
    assert info.value.exit_code == ExitCode.USAGE


@pytest.mark.parametrize(
    ("machine", "target"), [("arm64", PI), ("aarch64", PI), ("AMD64", HOST), ("armv7l", PI_2)]
)
def test_the_spellings_of_an_architecture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, machine: str, target: TargetInfo
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: machine)
    require_runnable_here(bundle(tmp_path, target), lacks())


def test_a_host_bundle_on_a_lesser_cpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    with pytest.raises(InputError, match=r"lacks \(fma\): compile the model again on this machine"):
        require_runnable_here(bundle(tmp_path, HOST), lacks("fma", "sse9"))


def test_the_detection_of_this_machine(tmp_path: Path) -> None:
    here = replace(HOST, triple=f"{platform.machine()}-linux-gnu", features=())
    require_runnable_here(bundle(tmp_path, here))
    with pytest.raises(InputError, match="imaginary-feature"):
        require_runnable_here(bundle(tmp_path, replace(here, features=("imaginary-feature",))))
