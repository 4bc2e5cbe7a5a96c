"""OpenCL C as a compiled model holds it: how much, of what, and what clang makes of it."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from tvmedge.errors import ToolError

_MARK = b"// Function: "
_TEXT = re.compile(rb"[\t\n -~]*")
_DECLARATION = re.compile(r"^__kernel [^{;]*;\n", re.MULTILINE)
CLANGS = ("clang-19", "clang-15", "clang-14", "clang")  # PoCL brings Debian's 15
_FLAGS = (
    *("-x", "cl", "-cl-std=CL1.2", "--target=spir64", "-Xclang", "-finclude-default-header"),
    *("-w", "-O2", "-S", "-emit-llvm", "-o", "-", "-"),
)
_DEFINED = re.compile(r"^define .*spir_kernel .*@([\w.]+)\(")
_KINDS = {
    "vector_loads": re.compile(r"= load <\d+ x |call .*@_Z\d+vload"),
    "loads": re.compile(r"= load (?!<)"),
    "vector_stores": re.compile(r"\bstore <\d+ x |call .*@_Z\d+vstore"),
    "stores": re.compile(r"\bstore (?!<)"),
    "fma": re.compile(r"call .*@llvm\.fmuladd|call .*@_Z3fma"),
    "float": re.compile(r"= (fadd|fsub|fmul|fdiv|fneg|fcmp) "),
    "integer": re.compile(r"= (add|sub|mul|[su]div|[su]rem|shl|[al]shr|and|or|xor|icmp) "),
    "branches": re.compile(r"^\s+br i1 "),
    "barriers": re.compile(r"call .*barrier"),
}


_VECTORS = re.compile(r"vload|__global (float|half)\d+ ?\*")
COLUMNS = tuple(_KINDS)


@dataclass(frozen=True)
class Code:
    """All sources of a model: ``bytes`` as shipped, by kernel its own text alone."""

    bytes: int
    kernels: dict[str, str]

    @property
    def local(self) -> int:
        """Kernels that use local memory."""
        return sum("__local" in text for text in self.kernels.values())

    @property
    def vectors(self) -> int:
        """Kernels that load vectors."""
        return sum(bool(_VECTORS.search(text)) for text in self.kernels.values())

    def row(self) -> dict[str, Any]:
        """What the result file holds."""
        return {
            "kernels": len(self.kernels),
            "source_bytes": self.bytes,
            "local": self.local,
            "vector_loads": self.vectors,
            "mix": {name: mix.text() for name, mix in mixes(self).items()},
        }


@dataclass(frozen=True)
class Mix:
    """Instructions in a kernel's LLVM IR (``spir64``, -O2), each counted once wherever it
    stands: loops are not weighed."""

    vector_loads: int = 0
    loads: int = 0
    vector_stores: int = 0
    stores: int = 0
    fma: int = 0
    float: int = 0
    integer: int = 0
    branches: int = 0
    barriers: int = 0

    def text(self) -> str:
        """Its numbers in one line, in the order of ``COLUMNS``."""
        return " ".join(str(value) for value in astuple(self))


def code_of(form: Path) -> Code:
    """The sources in a bundle or library of TVM's, where they stand as text."""
    parts = form.read_bytes().split(_MARK)[1:]
    kernels, size = {}, 0
    for part in parts:
        text = _TEXT.match(part)[0].decode("ascii")  # type: ignore[index]
        size += len(_MARK) + len(text)
        name, _, body = text.partition("\n")
        kernels[name] = _DECLARATION.sub("", body)
    return Code(size, kernels)


def ir_of(source: str) -> str:
    """LLVM IR of OpenCL C, which clang's front end has checked.

    Raises:
        ToolError: there is no clang, or it refuses the source.
    """
    program = next(filter(None, map(shutil.which, CLANGS)), None)
    if program is None:
        raise ToolError("clang is not installed: run scripts/setup, which installs PoCL's.")
    done = subprocess.run(
        [program, *_FLAGS], input=source, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ToolError(f"clang refuses the kernels: {done.stderr.strip()[:300]}")
    return done.stdout


def mixes(code: Code) -> dict[str, Mix]:
    """What each kernel's instructions are. Raises as ``ir_of``."""
    counts: dict[str, Counter[str]] = {}
    kernel = ""
    for line in ir_of("\n".join(code.kernels.values())).splitlines():
        if match := _DEFINED.match(line):
            kernel = match[1]
            counts[kernel] = Counter()
        elif line == "}":
            kernel = ""
        elif kernel:
            counts[kernel].update(kind for kind, looks in _KINDS.items() if looks.search(line))
    return {name: Mix(**count) for name, count in counts.items()}
