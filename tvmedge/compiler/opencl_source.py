"""OpenCL C as it is shipped: each kernel's source alone, and tidy.

before: __kernel void other(...);  (of every kernel in the module)
        __kernel void mine(__global float* restrict x_ptr) {
          int cse_v2 = cse_v1;  (nobody asks for it)
          y_local_ptr[0] = (y_local_ptr[0] + vload4(0, ((__global float *)x_ptr + 4)));
after:  __kernel void mine(__global float* restrict x_) {
          y_[0] += vload4(0, (x_ + 4));

TVM 0.27 declares all kernels before each: half a megabyte for densenet121's three hundred. Drivers
read the text anew wherever it is not cached.
"""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import tvm_ffi

_HOOK = "tvm_callback_opencl_postproc"
_DECLARATION = re.compile(r"^__kernel [^{;]*;\n", re.MULTILINE)
_WORD = re.compile(r"[A-Za-z_]\w*")
_NUMBER = re.compile(r"^ *int (\w+) = [^;=]*;$")
_PARAMETER = re.compile(r"__global (\w+)\* restrict (\w+)")
_SUM = re.compile(r"^( *)(\w+\[\d+\]) = \(\2 \+ (.*)\);$")


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """While this is entered, TVM's code generator writes each kernel alone."""

    def tidied(source: str, target: Any) -> str:
        return tidy(_DECLARATION.sub("", source))

    tvm_ffi.register_global_func(_HOOK, tidied, override=True)
    try:
        yield
    finally:
        tvm_ffi.registry.remove_global_func(_HOOK)


def tidy(source: str) -> str:
    """The same kernel in fewer words.

    >>> tidy("  int cse_v2 = cse_v1;\\n  r_local_ptr[0] = (r_local_ptr[0] + x);")
    '  r_[0] += x;'
    """
    for kind, name in _PARAMETER.findall(source):
        source = source.replace(f"((__global {kind} *){name} + ", f"({name} + ")
    lines = [_added(line) for line in _wanted(source.split("\n"))]
    return _shorter("\n".join(lines))


def _wanted(lines: list[str]) -> list[str]:
    """Without numbers that are computed and not asked for."""
    while True:
        uses = Counter(_WORD.findall("\n".join(lines)))
        left = [x for x in lines if not ((found := _NUMBER.match(x)) and uses[found[1]] == 1)]
        if len(left) == len(lines):
            return lines
        lines = left


def _added(line: str) -> str:
    found = _SUM.match(line)
    return f"{found[1]}{found[2]} += {found[3]};" if found and _balanced(found[3]) else line


def _balanced(text: str) -> bool:
    depth = 0
    for letter in text:
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if depth < 0:
            return False
    return depth == 0


def _shorter(source: str) -> str:
    """Names of arrays without what TVM hangs onto them. No name of C or OpenCL ends so."""
    words = set(_WORD.findall(source))
    names: dict[str, str] = {}
    for word in sorted(words):
        if word.endswith("_ptr"):
            short = re.sub(r"_local(?=_|$)|_intermediate(?=_|$)", "", word.removesuffix("_ptr"))
            if f"{short}_" not in words and f"{short}_" not in names.values():
                names[word] = f"{short}_"
    return _WORD.sub(lambda found: names.get(found[0], found[0]), source)
