"""Reading a bundle: everything is bounded and verified before any of it is used."""

from __future__ import annotations

import hashlib
import mmap
import os
import stat
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tvmedge.bundle import consistency, container, manifest_json, tensorfile
from tvmedge.bundle.malformed import MalformedError
from tvmedge.bundle.manifest import Manifest
from tvmedge.bundle.write import CHECK, MANIFEST, NOTICE, WEIGHTS
from tvmedge.errors import InputError, TrustError

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Bundle:
    """A verified bundle; its contents are views of the mapped file, none is copied.

    The views stay valid when the file is replaced or removed, as ``tvmedge``
    does it, but not when another program writes into the file in place.
    """

    path: Path
    manifest: Manifest
    _contents: Mapping[str, memoryview] = field(repr=False)
    _starts: Mapping[str, int] = field(repr=False)

    def content(self, name: str) -> memoryview:
        """The bytes of the file ``name``, such as ``manifest.json`` or ``NOTICE``.

        Raises:
            KeyError: the bundle has no such file.
        """
        return self._contents[name]

    def code(self) -> memoryview:
        """The bytes of the compiled library."""
        return self._contents[self.manifest.code.file]

    def program(self) -> memoryview | None:
        """The bytes of the library linked with our server; None where its board loads libraries."""
        info = self.manifest.code.program
        return None if info is None else self._contents[info.file]

    def weights(self) -> dict[str, np.ndarray]:
        """The weights in the order in which ``main`` takes them, read-only."""
        tensors = tensorfile.decode(self._contents[WEIGHTS])
        return {name: tensors[name] for name in self.manifest.code.weights}

    def weights_file(self) -> memoryview:
        """The bytes of the weights' file, on a 64-byte boundary, as libraries take them."""
        return self._contents[WEIGHTS]

    def weights_sha256(self) -> str:
        """The hash of the weights' file, in hex."""
        return next(file.sha256 for file in self.manifest.files if file.path == WEIGHTS)

    def code_and_weights(self) -> tuple[tuple[str, int, int], ...]:
        """Of the code's file, and the weights' where there are any: the sha256 in hex, where it
        begins in the bundle, its bytes."""
        code = self.manifest.code
        names = [code.file, *([WEIGHTS] if code.weights else [])]
        known = {file.path: file for file in self.manifest.files}
        return tuple((known[n].sha256, self._starts[n], known[n].size) for n in names)

    def check_inputs(self) -> dict[str, np.ndarray]:
        """The check's inputs by original name, in the signature's order, read-only."""
        tensors = tensorfile.decode(self._contents[CHECK])
        names = (spec.name for spec in self.manifest.signature.inputs)
        return {name: tensors[consistency.INPUT + name] for name in names}

    def check_outputs(self) -> dict[str, np.ndarray]:
        """The reference outputs by original name, in the signature's order, read-only."""
        tensors = tensorfile.decode(self._contents[CHECK])
        names = (spec.name for spec in self.manifest.signature.outputs)
        return {name: tensors[consistency.OUTPUT + name] for name in names}


def read_bundle(path: Path, *, weights: bool = True) -> Bundle:
    """The bundle at ``path``, after verifying all of it.

    Without ``weights``, their bytes are left to the process that will use them, which verifies
    them once more anyway: they may be hundreds of megabytes.

    Raises:
        InputError: no such file, not a bundle, cut short, made by a newer
            tvmedge, or a structure that ``write_bundle`` does not write.
        TrustError: a file inside does not match its hash.
    """
    view = _map(path)
    try:
        layout = container.parse(view)
        contents = {
            entry.name: view[offset : offset + entry.size]
            for entry, offset in zip(layout.entries, layout.data_offsets, strict=True)
        }
        if not layout.entries or layout.entries[0].name != MANIFEST:
            raise MalformedError(f"it does not begin with {MANIFEST}")
        if len(contents[MANIFEST]) > manifest_json.MAX_BYTES:
            raise MalformedError("its manifest is larger than 1 MiB")
        _verify_checksum(path, layout.entries[0], contents)
        manifest = manifest_json.loads(bytes(contents[MANIFEST]))
        consistency.check_manifest(manifest)
        _require_listed(manifest, layout)
        _verify_files(path, manifest, layout, contents, set() if weights else {WEIGHTS})
        consistency.check_tensors(
            manifest, tensorfile.decode(contents[WEIGHTS]), tensorfile.decode(contents[CHECK])
        )
    except MalformedError as error:
        raise InputError(f"'{path}' is not a usable bundle: {error}: {error.advice}.") from error
    starts = {e.name: at for e, at in zip(layout.entries, layout.data_offsets, strict=True)}
    return Bundle(path, manifest, contents, starts)


def _map(path: Path) -> memoryview:
    try:
        # A pipe would block open, and only a file can be mapped.
        if not stat.S_ISREG(path.stat().st_mode):
            raise InputError(f"'{path}' is not a file: give the path of a .tvmedge bundle.")
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size == 0:
                raise InputError(f"'{path}' is empty: copy or build the bundle again.")
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except OSError as error:
        raise InputError(
            f"Cannot read the bundle '{path}': {error.strerror or error}; check the path."
        ) from error


def _require_listed(manifest: Manifest, layout: container.Layout) -> None:
    """Check that the files are exactly those listed, each with its size."""
    listed = [file.path for file in manifest.files]
    present = [entry.name for entry in layout.entries[1:]]
    if listed != present:
        raise MalformedError(f"it holds {present} where its manifest lists {listed}")
    known = {NOTICE, CHECK, *manifest.code.files, WEIGHTS}
    if missing := known - set(present):
        raise MalformedError(f"it has no {min(missing)}")
    if (extra := set(present) - known) and not manifest_json.is_newer(manifest):
        raise MalformedError(f"it holds the unknown file {min(extra)!r}")
    for entry, file in zip(layout.entries[1:], manifest.files, strict=True):
        if entry.size != file.size:
            raise MalformedError(f"its file '{file.path}' has another size than its manifest says")


def _verify_files(
    path: Path,
    manifest: Manifest,
    layout: container.Layout,
    contents: Mapping[str, memoryview],
    later: set[str],
) -> None:
    """Compare each file with its hash but those to be verified ``later``."""
    for entry, file in zip(layout.entries[1:], manifest.files, strict=True):
        if file.path in later:
            continue
        if hashlib.sha256(contents[file.path]).hexdigest() != file.sha256:
            raise _damaged(path, file.path)
        _verify_checksum(path, entry, contents)


def _verify_checksum(
    path: Path, entry: container.Entry, contents: Mapping[str, memoryview]
) -> None:
    # The manifest has no hash of its own: this is what notices a flipped bit in it.
    if zlib.crc32(contents[entry.name]) != entry.crc32:
        raise _damaged(path, entry.name)


def _damaged(path: Path, name: str) -> TrustError:
    return TrustError(
        f"'{path}' does not match its hashes in the file '{name}': "
        "the bundle is damaged or was altered: copy or build it again."
    )
