"""An arm64 Python under QEMU, with wheels for it: where peers are counted.

Debian's packages and the wheels are unpacked in the cache. QEMU looks for absolute
paths in that folder first, so the program finds its libraries there, and the facts
of a Raspberry Pi 4B that runtimes read from /sys and /proc/cpuinfo: with those of
the machine underneath, onnxruntime crashes at import.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tvmedge.device.debian import unpacked
from tvmedge.device.folders import atomic_folder, locked
from tvmedge.errors import ToolError
from tvmedge.resources import cache_dir

CORES = 4
DEBIAN = (
    "libbz2-1.0",
    "libc6",
    "libcrypt1",
    "libexpat1",
    "libffi8",
    "libgcc-s1",
    "libgomp1",
    "liblzma5",
    "libpython3.11-minimal",
    "libpython3.11-stdlib",
    "libssl3",
    "libstdc++6",
    "python3.11-minimal",
    "zlib1g",
)
PLATFORMS = ("manylinux_2_28_aarch64", "manylinux_2_27_aarch64", "manylinux2014_aarch64")


@dataclass(frozen=True)
class ArmPython:
    """The interpreter's root and the folder of its packages."""

    root: Path
    packages: Path

    def command(self, *arguments: str) -> list[str]:
        """What runs Python with ``arguments`` on a Cortex-A72."""
        qemu = ["qemu-aarch64", "-cpu", "cortex-a72", "-L", str(self.root)]
        program = [*qemu, "-E", f"PYTHONPATH={self.packages}", "-E", "PYTHONHASHSEED=0"]
        return [*program, str(self.root / "usr/bin/python3.11"), *arguments]


def arm_python(requirements: Iterable[str]) -> ArmPython:
    """An interpreter that can import ``requirements`` (``package==version``), all of
    their dependencies among them; downloaded at first use.

    Raises:
        ToolError: Debian's or Python's packages cannot be fetched.
    """
    root = unpacked("arm64", DEBIAN)
    for path, text in _board_facts().items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(f"{text}\n", encoding="ascii")
    return ArmPython(root, _installed(tuple(requirements)))


def _installed(requirements: tuple[str, ...]) -> Path:
    folder = cache_dir("arm") / "-".join(
        ["packages", *(r.replace("==", "-") for r in requirements)]
    )
    with locked(folder.with_name(f"{folder.name}.lock")):
        if not folder.is_dir():
            with atomic_folder(folder) as fresh:
                _pip(fresh, requirements)
    return folder


def _pip(folder: Path, requirements: tuple[str, ...]) -> None:
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:"]
    options += [*(f"--platform={tag}" for tag in PLATFORMS), "--python-version=3.11"]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", *options, "--target", str(folder), *requirements],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise ToolError(f"pip could not fetch {', '.join(requirements)} for aarch64: {said}")


def _board_facts() -> Mapping[str, str]:
    """Files of a Raspberry Pi 4B's kernel that say what its cores and caches are."""
    cpus, everyone = "sys/devices/system/cpu", f"0-{CORES - 1}"
    facts = {f"{cpus}/{name}": everyone for name in ("possible", "present", "online")}
    facts[f"{cpus}/kernel_max"] = "255"
    features = ["BogoMIPS\t: 108.00", "Features\t: fp asimd evtstrm crc32 cpuid"]
    identity = {"implementer": "0x41", "architecture": "8", "variant": "0x0", "part": "0xd08"}
    features += [f"CPU {key}\t: {value}" for key, value in identity.items()]
    features += ["CPU revision\t: 3", ""]
    facts["proc/cpuinfo"] = "\n".join(
        line for core in range(CORES) for line in (f"processor\t: {core}", *features)
    )
    for core in range(CORES):
        own = f"{cpus}/cpu{core}"
        facts[f"{own}/topology/physical_package_id"] = "0"
        facts[f"{own}/topology/core_id"] = str(core)
        facts[f"{own}/topology/core_siblings_list"] = everyone
        facts[f"{own}/topology/cluster_cpus_list"] = everyone
        facts[f"{own}/cpufreq/cpuinfo_max_freq"] = "1500000"
        facts[f"{own}/cpufreq/cpuinfo_min_freq"] = "600000"
        caches = [("1", "Data", "32K", str(core)), ("1", "Instruction", "48K", str(core))]
        caches += [("2", "Unified", "1024K", everyone)]
        for index, (level, kind, size, shared) in enumerate(caches):
            cache = f"{own}/cache/index{index}"
            facts |= {f"{cache}/level": level, f"{cache}/type": kind, f"{cache}/size": size}
            facts[f"{cache}/shared_cpu_list"] = shared
    return facts
