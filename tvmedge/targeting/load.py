"""From a device's name or TOML file to its ``TargetSpec``."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tvmedge.errors import InputError, nearest
from tvmedge.targeting import host_facts, tables
from tvmedge.targeting.files import File, shipped, with_parents
from tvmedge.targeting.types import Family, GpuFacts, TargetSpec

if TYPE_CHECKING:
    from importlib.abc import Traversable


def target_names() -> tuple[str, ...]:
    """The names of all shipped targets, sorted."""
    return tuple(sorted(name for name, (_, public) in shipped().items() if public))


def target(name: str) -> TargetSpec:
    """The shipped target of that name; ``host`` is this machine.

    Raises:
        InputError: no such target, or ``host`` on a machine we do not support.
    """
    names = target_names()
    if name == Family.HEXAGON.value:
        cores = ", ".join(one for one in names if one.startswith(name))
        raise InputError(
            f"Target '{name}' is TVM's own kind, which it makes x86 code of: name a core ({cores})."
        )
    if name not in names:
        raise InputError(f"Unknown target '{name}' ({nearest(name, names)}).")
    return load_target_file(shipped()[name][0])


def load_target_file(file: Path | Traversable) -> TargetSpec:
    """The target in a TOML file, named after the file.

    Parents in ``inherit`` are looked for beside the file, then among the shipped.

    Raises:
        InputError: unknown keys, wrong types, missing parents, facts without source.
    """
    name = file.name.removesuffix(".toml")
    table = with_parents(file, (name,))
    if table.get("family") == Family.HOST or table.get("here") is True:
        # Detection is the base, so that a file of the user's can overrule it.
        table = tables.deep_merge(host_facts.detect(), table)
    parsed = tables.convert(table, File, str(file))
    spec = TargetSpec(
        name=name,
        family=parsed.family,
        summary=parsed.summary,
        tvm=table["target"],
        toolchain=parsed.toolchain,
        board=parsed.board,
        emulator=parsed.emulator,
        runtime=parsed.runtime,
        accelerator=_accelerator(table.get("accelerator"), parsed.board.gpu),
    )
    for problem in _contradictions(spec):
        raise InputError(f"'{file}': {problem}.")
    return spec


def _accelerator(
    table: Mapping[str, object] | None, gpu: GpuFacts | None
) -> Mapping[str, object] | None:
    """TVM's target of a GPU: its keys, and the limit on groups that the board's facts say."""
    if table is None or gpu is None:
        return table
    return {**table, "max_threads_per_block": gpu.work_group}


def _contradictions(spec: TargetSpec) -> Iterator[str]:
    """What the types cannot say, as sentences without the file."""
    board = spec.board
    if (spec.runtime.platform is None) == (spec.runtime.reason is None):
        yield "[runtime] needs either 'platform' or, when there is none, the 'reason'"
    if (spec.accelerator is None) != (board.gpu is None):
        yield "a GPU needs both [accelerator] and [board.gpu]"
    if sum(cluster.count for cluster in board.clusters.values()) != board.cores:
        yield f"[board] has {board.cores} cores, its clusters another number"
    if board.ram_mib and board.ram_mib[0] > board.ram_mib[1]:
        yield "'board.ram_mib' must be the smallest and the largest size"
    facts = set(_facts(dataclasses.asdict(board)))
    for fact in sorted(facts - board.sources.keys()):
        yield f"'board.{fact}' has no source: add it to [board.sources]"
    for fact in sorted(board.sources.keys() - facts):
        yield f"[board.sources] has '{fact}', which is no fact ({nearest(fact, facts)})"


def _facts(table: Mapping[str, Any], key: str = "") -> Iterator[str]:
    """Dotted names of all known values in a board, ``sources`` aside."""
    for name, value in table.items():
        dotted = f"{key}{name}"
        if isinstance(value, Mapping) and dotted != "sources":
            yield from _facts(value, f"{dotted}.")
        elif value is not None and dotted != "sources":
            yield dotted
