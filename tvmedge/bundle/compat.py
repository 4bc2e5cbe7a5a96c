"""Whether this machine can run a bundle's code, asked before it is loaded."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable

from tvmedge.bundle.read import Bundle
from tvmedge.errors import InputError
from tvmedge.types import DeviceKind, Form


def require_runnable_here(
    bundle: Bundle,
    missing_features: Callable[[Iterable[str]], tuple[str, ...]] | None = None,
) -> None:
    """Refuse a bundle whose code would not load here or would stop at an instruction.

    ``missing_features`` tells which of the given LLVM feature names this CPU
    lacks; it is ``tvmedge.targeting.missing_features`` unless a test passes another.

    Raises:
        InputError: the bundle is for another architecture, or was compiled for
            a host whose CPU has features that this one lacks.
    """
    target = bundle.manifest.target
    wanted = architecture(target.triple.partition("-")[0])
    here = architecture(platform.machine())
    if wanted != here:
        emulated = "with --board emulated or " if _can_be_emulated(bundle) else ""
        raise InputError(
            f"The bundle '{bundle.path}' is for {wanted} (target {target.name}), "
            f"this machine is {here}: run it {emulated}on the device."
        )
    if target.family != "host" and target.device is DeviceKind.CPU:
        return
    if missing := (missing_features or _missing_features)(target.features):
        raise InputError(
            f"The bundle '{bundle.path}' needs CPU features that this machine lacks "
            f"({', '.join(missing)}): compile the model again on this machine with -t host."
        )


def _can_be_emulated(bundle: Bundle) -> bool:
    from tvmedge.targeting import target, target_names

    name = bundle.manifest.target.name
    if name not in target_names() or not target(name).emulated:
        return False
    return bundle.manifest.code.form is Form.LIBRARY or not target(name).compile_only


def _missing_features(needed: Iterable[str]) -> tuple[str, ...]:
    from tvmedge.targeting import missing_features  # only host bundles need it

    return missing_features(needed)


def architecture(name: str) -> str:
    """One name for the spellings of ``uname -m`` and of LLVM triples."""
    name = name.lower()
    if name in ("amd64", "x86-64"):
        return "x86_64"
    if name == "arm64":
        return "aarch64"
    return "arm" if name.startswith(("armv", "thumb")) else name
