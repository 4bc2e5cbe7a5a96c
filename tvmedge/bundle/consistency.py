"""What must hold between a manifest and the tensors beside it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from tvmedge.bundle.malformed import MalformedError
from tvmedge.dtypes import NAMES, carrier
from tvmedge.errors import InputError
from tvmedge.tensors.sizes import bind_sizes, resolved
from tvmedge.types import Form, TensorSpec

if TYPE_CHECKING:
    import numpy as np

    from tvmedge.bundle.manifest import CodeInfo, LibraryInfo, Manifest, ProgramInfo

INPUT = "input:"
OUTPUT = "output:"

_CODE_FILE = re.compile(r"code/[A-Za-z0-9_-][A-Za-z0-9._-]*")
MAX_THREADS = 64
"""Threads that a freestanding library may be made for."""

MAX_PROGRAM_BYTES = 256 << 20
"""Of a program in a bundle: the weights are not in it."""

_PREFIX = re.compile(r"[a-z][a-z0-9_]{0,63}")
_MAX_WORKSPACE = 1 << 40
_SHA256 = re.compile(r"[0-9a-f]{64}")


def check_manifest(manifest: Manifest) -> None:
    """Check what the types of the manifest's fields cannot say.

    Raises:
        MalformedError: a field with an impossible value.
    """
    code, check = manifest.code, manifest.check
    _check_code(code)
    if code.program is not None:
        _check_program(manifest, code.program)
    if not (math.isfinite(check.tolerance) and check.tolerance >= 0):
        raise MalformedError(f"its tolerance {check.tolerance} is not a finite number >= 0")
    if check.simulated is not None and not 0 <= check.simulated < math.inf:
        raise MalformedError(f"its simulated error {check.simulated} is not a finite number >= 0")
    hashes = [manifest.model.sha256, *(file.sha256 for file in manifest.files)]
    if manifest.records_sha256 is not None:
        hashes.append(manifest.records_sha256)
    hashes += [entry.sha256 for entry in manifest.fixed_inputs]
    for text in hashes:
        if not _SHA256.fullmatch(text):
            raise MalformedError(f"its manifest has {text!r} where a sha256 belongs")
    fixed = manifest.fixed_inputs
    inputs = [spec.name for spec in manifest.signature.inputs]
    _unique("input", (*inputs, *(given.name for given in fixed)))
    _unique("output", (spec.name for spec in manifest.signature.outputs))
    for given in fixed:
        if given.dtype not in NAMES or any(size < 0 for size in given.shape):
            raise MalformedError(f"its fixed input {given.name!r} has no usable type")
        if given.value is not None and len(given.value) != math.prod(given.shape):
            raise MalformedError(f"its fixed input {given.name!r} has another size than its value")
    _unique("weight", code.weights)


def _check_program(manifest: Manifest, program: ProgramInfo) -> None:
    if not manifest.code.archive or manifest.code.library is None:
        raise MalformedError("it holds a program for a board that loads its library")
    _unique("code file", manifest.code.files)
    if not _SHA256.fullmatch(program.server_sha256):
        raise MalformedError(f"its program has {program.server_sha256!r} where a sha256 belongs")
    size = sum(file.size for file in manifest.files if file.path == program.file)
    if size > MAX_PROGRAM_BYTES:
        raise MalformedError(f"its program has {size} bytes where {MAX_PROGRAM_BYTES} are the most")


def _check_code(code: CodeInfo) -> None:
    for name in code.files:
        if not _CODE_FILE.fullmatch(name):
            raise MalformedError(f"its code file {name!r} is not of the form code/NAME")
    if (code.form is Form.LIBRARY) != (code.library is not None):
        raise MalformedError("its code's form and what it says of a library contradict each other")
    if code.library is not None:
        _check_library(code.library)
    if not 0 <= code.kernels_tuned <= code.kernels_total:
        raise MalformedError("its numbers of kernels contradict each other")
    for cost in code.kernels:
        if min(cost.operations or 0, cost.moved_bytes or 0) < 0:
            raise MalformedError(f"its kernel {cost.name!r} costs an impossible number")


def _check_library(library: LibraryInfo) -> None:
    if not _PREFIX.fullmatch(library.prefix):
        raise MalformedError(f"its library's prefix {library.prefix!r} is no name in C")
    if not 1 <= library.threads <= MAX_THREADS:
        raise MalformedError(f"its library's number of threads, {library.threads}, is impossible")
    if not 0 <= library.workspace_bytes <= _MAX_WORKSPACE:
        raise MalformedError(f"its workspace of {library.workspace_bytes} bytes is impossible")


def check_tensors(
    manifest: Manifest,
    weights: Iterable[str],
    vectors: Mapping[str, np.ndarray],
) -> None:
    """Check the names of the weights and the check vectors against the manifest.

    ``vectors`` are the tensors of ``check.safetensors``: ``input:<name>`` and
    ``output:<name>``, which must have the signature's shapes and dtypes.

    Raises:
        MalformedError: one is missing, not listed, or of another shape or dtype.
    """
    _same_names("weight", manifest.code.weights, weights)
    signature = manifest.signature
    wanted = {INPUT + spec.name: spec for spec in signature.inputs}
    wanted |= {OUTPUT + spec.name: spec for spec in signature.outputs}
    _same_names("check vector", wanted, vectors)
    try:
        sizes = bind_sizes(
            signature, {s.name: vectors[INPUT + s.name].shape for s in signature.inputs}
        )
    except (InputError, KeyError) as error:
        raise MalformedError(f"its check vectors contradict its signature: {error}") from error
    for key, spec in wanted.items():
        if spec.dtype not in NAMES:
            raise MalformedError(f"its signature has the unknown dtype {spec.dtype!r}")
        got = TensorSpec(spec.name, vectors[key].shape, vectors[key].dtype.name)
        try:
            expected = resolved(spec, sizes)
        except ValueError as error:
            raise MalformedError(f"its signature is unusable: {error}") from error
        if (got.shape, got.dtype) != (expected.shape, carrier(spec.dtype).name):
            raise MalformedError(f"its check vector {key!r} is {got} where {spec} is stated")


def _unique(kind: str, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise MalformedError(f"its manifest names the {kind} {name!r} twice")
        seen.add(name)


def _same_names(kind: str, stated: Iterable[str], present: Iterable[str]) -> None:
    stated, present = set(stated), set(present)
    if missing := sorted(stated - present):
        raise MalformedError(f"its {kind} {missing[0]!r} is missing")
    if extra := sorted(present - stated):
        raise MalformedError(f"it holds a {kind} {extra[0]!r} that its manifest does not name")
