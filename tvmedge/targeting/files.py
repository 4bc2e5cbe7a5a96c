"""Target files: what they may say, where the shipped ones are, and inheritance."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypedDict

from tvmedge import resources
from tvmedge.errors import InputError, nearest
from tvmedge.targeting import tables
from tvmedge.targeting.types import BoardFacts, Count, Emulator, Family, Runtime, Toolchain

if TYPE_CHECKING:
    from importlib.abc import Traversable


class _TvmNeeds(TypedDict):
    kind: Literal["llvm"]
    mtriple: str
    mcpu: str


_TvmTakes = TypedDict(
    "_TvmTakes",
    {
        "mattr": list[str],
        "num-cores": Count,
        "keys": list[str],
        "device": str,
        "mabi": str,
        "mfloat-abi": str,
        "opt-level": int,
        "cl-opt": list[str],
        "vector-width": Count,
    },
    total=False,
)


class _TvmTarget(_TvmNeeds, _TvmTakes):
    """The keys of ``[target]``: those of TVM's llvm target that a device may set."""


class _Accelerator(TypedDict):
    """The keys of ``[accelerator]``: those of TVM's OpenCL target. Its limits are facts of the
    board, under ``[board.gpu]``."""

    kind: Literal["opencl"]
    device: Literal["mali"]


@dataclass(frozen=True)
class File:
    """A target file together with its parents: each table, with its keys.

    ``target`` is the CPU, ``accelerator`` what kernels run on where that is another device, so
    that a GPU's file inherits its board's; ``here``: the CPU is this machine's.
    """

    family: Family
    summary: str
    target: _TvmTarget
    toolchain: Toolchain
    board: BoardFacts
    runtime: Runtime
    emulator: Emulator | None = None
    accelerator: _Accelerator | None = None
    here: bool = False
    inherit: str | tuple[str, ...] = ()


def shipped() -> dict[str, tuple[Traversable, bool]]:
    """File and whether public, by name: ``<family>/<name>.toml`` is a target,
    ``<family>/shared/<name>.toml`` only a parent."""
    found: dict[str, tuple[Traversable, bool]] = {}
    for family in Family:
        folder = resources.targets_root() / family.value
        for part, public in ((folder / "shared", False), (folder, True)):
            if part.is_dir():
                files = (file for file in part.iterdir() if file.name.endswith(".toml"))
                found.update((file.name.removesuffix(".toml"), (file, public)) for file in files)
    return found


def with_parents(file: Path | Traversable, chain: tuple[str, ...]) -> tables.Table:
    """The file's table on top of its parents', the last parent on top of the others."""
    own = tables.read_toml(file)
    _refuse_kind(own, file)
    tables.check(own, File, str(file))
    inherit = own.pop("inherit", ())
    merged: tables.Table = {}
    for name in [inherit] if isinstance(inherit, str) else inherit:
        if name in chain:
            circle = " -> ".join((*chain, name))
            raise InputError(f"'{file}' inherits from itself: {circle}; break the circle.")
        parent = with_parents(_parent(name, file), (*chain, name))
        merged = tables.deep_merge(merged, parent)
    return tables.deep_merge(merged, own)


def _refuse_kind(table: tables.Table, file: Path | Traversable) -> None:
    cpu = table.get("target")
    if isinstance(cpu, dict) and cpu.get("kind") == "hexagon":
        raise InputError(
            f"'target.kind' in '{file}' is \"hexagon\", for which TVM emits x86 code: write "
            'kind = "llvm" with mtriple = "hexagon-unknown-linux-musl", or inherit "hexagon".'
        )


def _parent(name: str, child: Path | Traversable) -> Path | Traversable:
    if isinstance(child, Path) and (beside := child.parent / f"{name}.toml").is_file():
        return beside
    known = shipped()
    if name not in known:
        raise InputError(
            f"'{child}' inherits from '{name}': no such file ({nearest(name, known)})."
        )
    return known[name][0]
