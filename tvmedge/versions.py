"""The one pair of TVM packages that works, checked before either is used."""

from __future__ import annotations

from importlib import metadata

from tvmedge.errors import ToolError

TVM = "0.27.0.post1"
# 0.1.15 and later import and compile, then segfault in MetaSchedule.
TVM_FFI = ("0.1.14.post1", "0.1.14.post0")


def tvmedge_version() -> str:
    """The installed tvmedge's version."""
    return metadata.version("tvmedge")


def require_tvm() -> None:
    """Refuse to go on with TVM packages that are known not to work.

    Raises:
        ToolError: a package is missing or has another version.
    """
    for package, wanted in (("apache-tvm", (TVM,)), ("apache-tvm-ffi", TVM_FFI)):
        try:
            found = metadata.version(package)
        except metadata.PackageNotFoundError:
            found = "none"
        if found not in wanted:
            raise ToolError(
                f"{package} {found} is installed, but tvmedge needs {wanted[0]}: "
                f"run 'pip install {package}=={wanted[0]}'."
            )
