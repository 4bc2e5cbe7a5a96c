"""What a measurement of a kernel holds for: the same question for the tuner that stores it and
for the compiler that looks it up."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import keyword
import os
import re
from functools import lru_cache

import tvm
import tvm_ffi
from tvm import tirx

from tvmedge.device.zig import zig_version
from tvmedge.records.prune import Now
from tvmedge.records.types import Key
from tvmedge.targeting import Family, TargetSpec, target, target_names
from tvmedge.targeting.core import FUSED, core_of
from tvmedge.targeting.host_cores import processors, with_cores
from tvmedge.versions import TVM

PIPELINE = "1"
"""Counts what makes stored costs wrong although a kernel and its schedule are the same: how
scheduled kernels are lowered, linked and called."""

# A comment, a text in quotes, a name that follows a point (an attribute, kept), any other name.
_TOKEN = re.compile(r'#.*|"[^"\n]*"|\.?[A-Za-z_]\w*')
_BEFORE_NAMES = ("sblock(", "TypeVar(")  # texts that name a block or an open size


def key_of(func: tirx.PrimFunc, spec: TargetSpec, cost: str) -> Key:
    """The key of measurements of the unscheduled kernel ``func`` for ``spec`` by the cost source
    of that name.

    Raises:
        ToolError: there is no zig.
    """
    return Key(hash_of(func), target_key(spec), PIPELINE, toolchain(), cost)


def now() -> Now:
    """What records must be of, to apply here.

    Raises:
        ToolError: there is no zig.
    """

    def key(name: str) -> str | None:
        return target_key(target(name)) if name in target_names() else None

    def here(name: str) -> bool:
        return name in target_names() and target(name).family is Family.HOST

    return Now(lru_cache(maxsize=None)(key), lru_cache(maxsize=None)(here), PIPELINE, toolchain())


def key_of_question(question: str, spec: TargetSpec, cost: str) -> Key:
    """The key of measurements of the answers to a question about a model's operators, such as
    which algorithm a convolution is to run by.

    Raises:
        ToolError: there is no zig.
    """
    digest = hashlib.sha256(question.encode()).hexdigest()
    return Key(digest, target_key(spec), PIPELINE, toolchain(), cost)


def hash_of(func: tirx.PrimFunc) -> str:
    """Hex sha256 of a kernel, scheduled or not, that does not depend on any name in it.

    TVM's structural hash is meant for hash tables, and mixes weakly: the printed kernel,
    its names numbered, is hashed with it.
    """
    if "global_symbol" in func.attrs:
        func = func.without_attr("global_symbol")
    structure = f"{tvm_ffi.structural_hash(func):016x}\n{_numbered(func.script())}"
    return hashlib.sha256(structure.encode()).hexdigest()


def target_key(spec: TargetSpec) -> str:
    """``NAME:SHA256`` of a target: two that share a core's name do not share its caches."""
    core = dataclasses.asdict(core_of(spec))
    del (
        core["integer"],
        core["fetches"],
    )  # follow from the features, lanes and registers; the triple
    if core["fused"] == FUSED:  # nothing that a record depends on: those of before stay valid
        del core["fused"]
    facts = {"core": core, "tvm": spec.tvm_target}
    text = json.dumps(facts, sort_keys=True)
    return f"{spec.name}:{hashlib.sha256(text.encode()).hexdigest()}"


def other_facts(stored: str, spec: TargetSpec) -> str:
    """What the ``target_key`` in a record is of that has the name of ``spec`` and not its facts,
    where that can be told: this machine with more or fewer cores. Completes "recorded for ..."."""
    if spec.family is not Family.HOST:
        return ""
    for count in range(1, (os.cpu_count() or 1) + 1):
        if target_key(with_cores(spec, count)) == stored:
            return (
                f"a {spec.name} of {count} core{'s' * (count > 1)}, and this process may use "
                f"{spec.board.cores} ({processors()})"
            )
    return ""


@lru_cache(maxsize=1)
def toolchain() -> str:
    """What turns a schedule into code, with versions.

    Raises:
        ToolError: there is no zig.
    """
    llvm = tvm.target.codegen.llvm_version_major()
    return f"tvm {TVM}, llvm {llvm}, zig {zig_version()}"


def _numbered(script: str) -> str:
    """``script`` with each name of a variable, buffer or block replaced by the place at which it
    first appears."""
    places: dict[str, str] = {}

    def replace(match: re.Match[str]) -> str:
        token = match.group()
        if token.startswith("#"):
            return ""
        if token.startswith('"'):
            return "" if script.endswith(_BEFORE_NAMES, 0, match.start()) else token
        if token.startswith(".") or keyword.iskeyword(token) or token == "T":
            return token
        return places.setdefault(token, f"v{len(places)}")

    return _TOKEN.sub(replace, script)
