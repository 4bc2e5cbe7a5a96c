"""Before a session: whether a bundle's code runs on a board, and what starts its server there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tvmedge.boards.address import BoardAddress, BoardKind
from tvmedge.boards.emulated import (
    emulator_command,
    library_command,
    require_emulator,
    session_command,
)
from tvmedge.boards.gateway.ask import Wanted, lent_command
from tvmedge.boards.remote import remote_command
from tvmedge.boards.terms import require_limited
from tvmedge.bundle import Bundle, Form, LibraryInfo, require_runnable_here
from tvmedge.bundle.compat import architecture
from tvmedge.errors import InputError
from tvmedge.targeting import TargetSpec, target
from tvmedge.types import Serves

if TYPE_CHECKING:
    from tvmedge.boards.session import SessionOptions


def require_fits(address: BoardAddress, bundle: Bundle, options: SessionOptions) -> None:
    """Refuse what is known beforehand not to run there.

    Raises:
        InputError: the bundle's code does not.
    """
    library = bundle.manifest.code.library
    if options.threads is not None and options.threads < 1:
        raise InputError(f"--threads {options.threads}: give 1 or more.")
    require_limited(address, options.limits)
    if library is not None:
        _require_library_runs(address, bundle, library, options)
    if address.kind is BoardKind.LOCAL:
        require_runnable_here(bundle)
    if address.kind is BoardKind.EMULATED:
        spec = imitated(bundle, options)
        wanted = architecture(bundle.manifest.target.triple.partition("-")[0])
        board = architecture(spec.toolchain.triple.partition("-")[0])
        require_emulator(spec)
        if wanted != board:
            raise InputError(f"'{bundle.path}' is for {wanted}, target {spec.name} is {board}.")


def imitated(bundle: Bundle, options: SessionOptions) -> TargetSpec:
    """The target that an emulated board imitates."""
    return options.target or target(bundle.manifest.target.name)


def board_command(
    address: BoardAddress, bundle: Bundle, options: SessionOptions, folder: Path
) -> list[str]:
    """What starts the board's server, which may be linked into ``folder``; empty where
    nothing is to be started.

    Raises:
        InputError: the board cannot run it, or a gateway has no such pool.
        TrustError: a gateway does not know us, or we do not know it.
        ToolError: something is missing on this machine.
        BoardError: there is no way to the board, or a gateway had none free.
    """
    if address.kind in (BoardKind.LOCAL, BoardKind.TVM):
        return []
    form = bundle.manifest.code.form
    if address.kind is BoardKind.GATEWAY:
        name = bundle.manifest.target.name
        how = (options.threads, options.limits, options.wait_s, options.priority, options.keys)
        return lent_command(address, Wanted(name, Serves(form.value), *how))
    spec = imitated(bundle, options)
    threads = ["--threads", str(options.threads)] if options.threads and form is Form.VM else []
    if address.kind is not BoardKind.EMULATED:
        return remote_command(address, spec, Serves(form.value), options.limits, threads)
    session = session_command(spec, options.limits, options.places)
    if form is Form.LIBRARY:
        return session + library_command(spec, bundle, folder)
    return session + emulator_command(spec) + threads


def _require_library_runs(
    address: BoardAddress, bundle: Bundle, library: LibraryInfo, options: SessionOptions
) -> None:
    if address.kind is BoardKind.TVM and bundle.manifest.code.archive:
        raise InputError(
            f"'{bundle.path}' is linked with a program for its board, which a TVM RPC server "
            "cannot load: run it with --board emulated."
        )
    if (options.threads or 1) > library.threads:
        raise InputError(
            f"'{bundle.path}' uses at most {library.threads} threads: run it with "
            f"--threads {library.threads}, or compile it with --threads {options.threads}."
        )
