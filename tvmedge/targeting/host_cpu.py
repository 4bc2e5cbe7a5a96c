"""This machine's CPU features under LLVM's names.

Neither TVM nor a library is asked, so that a process that only runs bundles can
refuse one that this CPU cannot execute.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

# The x86-64 psABI's levels, each with what it adds to the one before.
_LEVELS = {
    "x86-64": "cmov cx8 fxsr mmx sse sse2",
    "x86-64-v2": "cx16 popcnt sahf sse3 sse4.1 sse4.2 ssse3",
    "x86-64-v3": "avx avx2 bmi bmi2 f16c fma lzcnt movbe xsave",
    "x86-64-v4": "avx512bw avx512cd avx512dq avx512f avx512vl",
}
# What LLVM puts to use beyond a level. Not AMX: Linux makes a process ask for it
# first (arch_prctl), which TVM's runtime does not; a needless need narrows a bundle.
_X86_EXTRAS = "avx512bf16 avx512fp16 avx512vnni avxvnni"
# Not SVE: TVM schedules for it differently, which is a target of its own.
_ARM_EXTRAS = "bf16 complxnum dotprod fp16fml fullfp16 i8mm lse neon rcpc rdm"

# Names in /proc/cpuinfo that LLVM spells in another way.
_RENAMED = {
    "abm": "lzcnt",
    "amx_bf16": "amx-bf16",
    "amx_int8": "amx-int8",
    "amx_tile": "amx-tile",
    "asimd": "neon",
    "asimddp": "dotprod",
    "asimdfhm": "fp16fml",
    "asimdhp": "fullfp16",
    "asimdrdm": "rdm",
    "atomics": "lse",
    "avx512_bf16": "avx512bf16",
    "avx512_fp16": "avx512fp16",
    "avx512_vnni": "avx512vnni",
    "avx_vnni": "avxvnni",
    "bmi1": "bmi",
    "crc32": "crc",
    "fcma": "complxnum",
    "fp": "fp-armv8",
    "jscvt": "jsconv",
    "lahf_lm": "sahf",
    "lrcpc": "rcpc",
    "pni": "sse3",
    "sse4_1": "sse4.1",
    "sse4_2": "sse4.2",
}


def host_features(cpuinfo: str | None = None) -> frozenset[str]:
    """What every core of this machine (or of a /proc/cpuinfo text) can execute."""
    text = read_or_nothing(Path("/proc/cpuinfo")) if cpuinfo is None else cpuinfo
    cores = []
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if key.strip() in ("flags", "Features"):
            cores.append({_RENAMED.get(flag, flag) for flag in value.split()})
    return frozenset(set.intersection(*cores)) if cores else frozenset()


def missing_features(needed: Iterable[str], cpuinfo: str | None = None) -> tuple[str, ...]:
    """Those of ``needed`` that this machine lacks, sorted."""
    return tuple(sorted(set(needed) - host_features(cpuinfo)))


def level_features(mcpu: str) -> tuple[str, ...]:
    """All features of a level such as ``x86-64-v3``; none for any other CPU name."""
    if mcpu not in _LEVELS:
        return ()
    names = list(_LEVELS)
    return tuple(" ".join(_LEVELS[name] for name in names[: names.index(mcpu) + 1]).split())


def choose_cpu(machine: str, features: frozenset[str]) -> tuple[str, list[str]]:
    """LLVM's CPU name and attributes: the highest level the CPU has all of, plus
    what it has beyond, so that code needs exactly what the two say."""
    if machine == "aarch64":
        mcpu, useful = "generic", _ARM_EXTRAS.split()
    else:
        levels = [name for name in _LEVELS if features.issuperset(level_features(name))]
        mcpu = levels[-1] if levels else "x86-64"
        # A virtual machine may mask one flag of a level and leave the rest usable.
        useful = [*level_features("x86-64-v4"), *_X86_EXTRAS.split()]
    beyond = features.intersection(useful).difference(level_features(mcpu))
    return mcpu, [f"+{name}" for name in sorted(beyond)]


def read_or_nothing(file: Path) -> str:
    """A file's text, or nothing: sandboxes and boards hide parts of /proc and /sys."""
    try:
        return file.read_text(encoding="utf-8").strip()
    except OSError:
        return ""
