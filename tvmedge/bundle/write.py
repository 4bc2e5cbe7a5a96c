"""Writing a bundle: same contents, same bytes, whole or not at all."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tvmedge.bundle import consistency, container, manifest_json, tensorfile
from tvmedge.bundle.manifest import (
    SCHEMA_VERSION,
    CheckInfo,
    CodeInfo,
    FileInfo,
    Manifest,
    ModelInfo,
    TargetInfo,
)
from tvmedge.resources import atomic_path
from tvmedge.types import FixedInput, Signature

if TYPE_CHECKING:
    import numpy as np

MANIFEST = "manifest.json"
NOTICE = "NOTICE"
WEIGHTS = "weights.safetensors"
CHECK = "check.safetensors"

_Pieces = list[bytes | memoryview]


@dataclass(frozen=True)
class BundleContents:
    """Everything a bundle is made from.

    ``library`` is the content of the file ``code.file``, ``program`` of ``code.program``'s;
    ``weights`` holds the tensors that ``code.weights`` orders; ``check_inputs`` and
    ``check_outputs`` are keyed by the model's original names and match ``signature``; ``notice``
    is the text of the licences. The rest goes into the manifest as it is.
    """

    model: ModelInfo
    target: TargetInfo
    signature: Signature
    code: CodeInfo
    check: CheckInfo
    versions: Mapping[str, str]
    records_sha256: str | None
    library: bytes
    weights: Mapping[str, np.ndarray]
    check_inputs: Mapping[str, np.ndarray]
    check_outputs: Mapping[str, np.ndarray]
    notice: str
    fixed_inputs: tuple[FixedInput, ...] = ()
    program: bytes | None = None


def write_bundle(path: Path, contents: BundleContents) -> Manifest:
    """Write a bundle at ``path`` and return its manifest.

    The bytes depend on ``contents`` alone: no clock, host or path in them. On
    an error or interrupt ``path`` stays as it was.

    Raises:
        ToolError: the disk is full or the folder is not writable.
        MalformedError: the contents contradict each other or cannot be stored,
            which is a mistake of the caller.
    """
    vectors = {consistency.INPUT + name: x for name, x in contents.check_inputs.items()}
    vectors |= {consistency.OUTPUT + name: x for name, x in contents.check_outputs.items()}
    code = [contents.library, *([] if contents.program is None else [contents.program])]
    files: dict[str, _Pieces] = {
        NOTICE: [contents.notice.encode()],
        CHECK: tensorfile.encode(vectors),
        **{name: [piece] for name, piece in zip(contents.code.files, code, strict=True)},
        WEIGHTS: tensorfile.encode(contents.weights),
    }
    manifest = Manifest(
        schema_version=SCHEMA_VERSION,
        model=contents.model,
        target=contents.target,
        signature=contents.signature,
        code=contents.code,
        check=contents.check,
        versions=dict(contents.versions),
        records_sha256=contents.records_sha256,
        files=tuple(_describe(name, pieces) for name, pieces in files.items()),
        fixed_inputs=contents.fixed_inputs,
    )
    consistency.check_manifest(manifest)
    consistency.check_tensors(manifest, contents.weights, vectors)
    files = {MANIFEST: [manifest_json.dumps(manifest)], **files}
    layout = container.lay_out(
        [container.Entry(name, _crc32(pieces), _size(pieces)) for name, pieces in files.items()]
    )
    with atomic_path(path) as temporary, temporary.open("wb") as out:
        for header, pieces in zip(layout.headers, files.values(), strict=True):
            out.write(header)
            out.writelines(pieces)
        out.write(layout.tail)
    return manifest


def _describe(name: str, pieces: _Pieces) -> FileInfo:
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return FileInfo(path=name, size=_size(pieces), sha256=digest.hexdigest())


def _size(pieces: Iterable[bytes | memoryview]) -> int:
    return sum(len(piece) for piece in pieces)


def _crc32(pieces: Iterable[bytes | memoryview]) -> int:
    checksum = 0
    for piece in pieces:
        checksum = zlib.crc32(piece, checksum)
    return checksum
