"""This machine as a target: what /proc, /sys and /etc tell of it."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

from tvmedge.errors import InputError
from tvmedge.targeting.host_cpu import choose_cpu, host_features
from tvmedge.targeting.host_cpu import read_or_nothing as _read

_FAR_BYTES = {"AuthenticAMD": 14}
"""By who made the processor: an EPYC of 2022 (Zen 4) reads 28 bytes a cycle from its L3 and 7 from
memory on one core; models' weights come from both."""

_ZEN4 = "AuthenticAMD", "25"
"""By who made it and its family, the only ones of which with AVX-512 are Zen 4: a multiply-add of
512 bits takes both of its units."""


def detect(root: Path = Path("/"), system: str = "", machine: str = "") -> dict[str, Any]:
    """This machine as the table of a target file (``root``, ``system`` and ``machine``
    are for tests).

    Raises:
        InputError: not Linux on x86-64 or aarch64.
    """
    system, machine = system or platform.system(), machine or platform.machine()
    if system != "Linux" or machine not in ("x86_64", "aarch64"):
        raise InputError(
            f"Target 'host' needs Linux on x86-64 or aarch64 and this is {system} on {machine}: "
            "name a device as the target instead."
        )
    features = host_features(_read(root / "proc/cpuinfo"))
    mcpu, attributes = choose_cpu(machine, features)
    cores = _physical_cores(root)
    cluster = {"count": cores, **_core_facts(machine, features), **_clock_and_caches(root)}
    board: dict[str, Any] = {"cores": cores, "clusters": {"cpu": cluster}, **_board_facts(root)}
    facts = [
        *(f"clusters.cpu.{fact}" for fact in cluster),
        *(fact for fact in board if fact != "clusters"),
    ]
    board["sources"] = dict.fromkeys(facts, "this machine's /proc, /sys and /etc")
    vendor = _cpuinfo(root, "vendor_id")
    if far := _FAR_BYTES.get(vendor):
        cluster["far_bytes"] = far
        board["sources"]["clusters.cpu.far_bytes"] = "fitted to 28 convolutions in their models"
    if "avx512f" in features and (vendor, _cpuinfo(root, "cpu family")) == _ZEN4:
        cluster["fma_per_cycle"] = 1
        board["sources"]["clusters.cpu.fma_per_cycle"] = "measured: a loop of multiply-adds"
    return {
        "target": {
            "kind": "llvm",
            "mtriple": f"{machine}-linux-gnu",
            "mcpu": mcpu,
            "mattr": attributes,
            "num-cores": cores,
        },
        "toolchain": {"triple": f"{machine}-linux-gnu.2.28"},
        "board": board,
        "runtime": {"platform": f"manylinux_2_28_{machine}"},
    }


def _core_facts(machine: str, features: frozenset[str]) -> dict[str, Any]:
    if machine == "aarch64":
        simd = {"fp16": "fullfp16", "bf16": "bf16", "dotprod": "dotprod", "i8mm": "i8mm"}
        known = {fact: name in features for fact, name in {**simd, "sve": "sve"}.items()}
        return {"vector_bits": 128, "vector_registers": 32, **known}
    wide = "avx512f" in features
    return {
        "vector_bits": 512 if wide else 256 if "avx" in features else 128,
        "vector_registers": 32 if wide else 16,
        "fp16": "avx512fp16" in features,
        "bf16": "avx512bf16" in features,
        "dotprod": bool(features & {"avx512vnni", "avxvnni"}),
    }


def _cpuinfo(root: Path, wanted: str) -> str:
    """What /proc/cpuinfo says of the last core under that name; empty if nothing."""
    found = ""
    for line in _read(root / "proc/cpuinfo").splitlines():
        key, _, value = line.partition(":")
        if key.strip() == wanted:
            found = value.strip()
    return found


def _physical_cores(root: Path) -> int:
    """Cores this process may use, hyperthreads counted once."""
    found = set()
    for number in os.sched_getaffinity(0):
        topology = root / f"sys/devices/system/cpu/cpu{number}/topology"
        core = _read(topology / "core_id") or str(number)
        found.add((_read(topology / "physical_package_id"), core))
    return len(found)


def _clock_and_caches(root: Path) -> dict[str, int]:
    cpu = root / f"sys/devices/system/cpu/cpu{min(os.sched_getaffinity(0))}"
    facts = {}
    if khz := _read(cpu / "cpufreq/cpuinfo_max_freq"):
        facts["mhz"] = round(int(khz) / 1000)
    for cache in sorted((cpu / "cache").glob("index*")):
        level, kind = _read(cache / "level"), _read(cache / "type")
        size = _read(cache / "size").removesuffix("K")
        name = f"l{level}{'' if kind == 'Unified' else kind[:1].lower()}_kib"
        if name in ("l1d_kib", "l1i_kib", "l2_kib", "l3_kib") and size.isdecimal() and int(size):
            facts[name] = int(size)
    return facts


def _board_facts(root: Path) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    if soc := _cpuinfo(root, "model name"):
        facts["soc"] = soc
    for line in _read(root / "proc/meminfo").splitlines():
        if line.startswith("MemTotal:"):
            mib = int(line.split()[1]) // 1024
            facts["ram_mib"] = [mib, mib]
    for line in _read(root / "etc/os-release").splitlines():
        key, _, value = line.partition("=")
        if key == "PRETTY_NAME":
            facts["os"] = value.strip("\"'")
    if libc := " ".join(platform.libc_ver()).strip():
        facts["libc"] = libc
    return facts
