"""What ``--input`` means: names, files and ``random`` become the model's inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from tvmedge.errors import InputError, nearest
from tvmedge.tensors.generate import random_tensor
from tvmedge.tensors.images import read_image
from tvmedge.tensors.npy import describe, npz_entries, read_npy, read_npz
from tvmedge.tensors.options import ImageOptions
from tvmedge.tensors.sizes import bind_sizes, default_sizes, resolved
from tvmedge.types import Signature, TensorSpec

RANDOM = "random"

Draw = Callable[[TensorSpec, int], np.ndarray]
"""An input of known shape from a seed."""


def read_inputs(
    signature: Signature,
    specs: Sequence[str],
    image: ImageOptions,
    seed: int,
    draw: Draw = random_tensor,
) -> dict[str, np.ndarray]:
    """The inputs that ``specs`` describe, in the signature's order and exact types.

    Each of ``specs`` is one of

    - ``NAME=FILE`` with a .npy, an .npz or an image (the first ``=`` splits; of
      an .npz with several arrays the one called NAME), or ``NAME=random``;
    - ``FILE.npz`` with arrays under the inputs' names;
    - ``FILE`` where the model has one input;
    - ``random``, which fills every input that is not given otherwise with what ``draw`` gives.

    A file that is called ``random`` is given as ``./random``. Open dimensions
    take the sizes of the files; with only random inputs their highest, or lowest.

    Raises:
        InputError: an unknown name (with the nearest), an input twice or not at
            all, a file that cannot be read, another shape or dtype.
    """
    wanted = {spec.name: spec for spec in signature.inputs}
    found: dict[str, np.ndarray] = {}
    fill: set[str] = set()
    for text in specs:
        name, source = _split(text, wanted)
        if source == RANDOM:
            fill |= set(wanted) if name is None else {name}
            continue
        for key, array in _read(name, source, wanted, image).items():
            if key in found:
                raise InputError(f"The input {key!r} is given twice: leave one --input out.")
            found[key] = array
    missing = [spec for spec in signature.inputs if spec.name not in found | dict.fromkeys(fill)]
    if missing:
        listed = ", ".join(f"{x.name!r} ({describe(x.shape, x.dtype)})" for x in missing)
        raise InputError(
            f"Missing input {listed}: give --input NAME=FILE for each, "
            "or --input random to fill them."
        )
    sizes = bind_sizes(signature, {name: array.shape for name, array in found.items()})
    sizes = default_sizes(signature, sizes)
    random = {name: draw(resolved(wanted[name], sizes), seed) for name in fill}
    return {name: found[name] if name in found else random[name] for name in wanted}


def _split(text: str, wanted: Mapping[str, TensorSpec]) -> tuple[str | None, str]:
    """The name, None without one, and the file or ``random`` of an ``--input``."""
    name, equals, source = text.partition("=")
    named = bool(equals) and (name in wanted or not _exists(text))
    if named and name not in wanted:
        raise InputError(f"The model has no input {name!r} ({nearest(name, wanted)}).")
    if not named:
        source = text
    if not source:
        raise InputError(f"The option --input {text!r} names no file: give NAME=FILE.")
    return (name if named else None), source


def _read(
    name: str | None,
    source: str,
    wanted: Mapping[str, TensorSpec],
    image: ImageOptions,
) -> dict[str, np.ndarray]:
    """The inputs that one file holds."""
    path = Path(source)
    if not _exists(source):
        raise InputError(f"There is no input file '{path}': check the path.")
    if path.suffix == ".npz":
        entries = _choose(name, path, wanted)
        arrays = read_npz(path, {entry: wanted[key] for entry, key in entries.items()})
        return {entries[entry]: array for entry, array in arrays.items()}
    if name is None:
        if len(wanted) != 1:
            raise InputError(
                f"Say which input '{path}' is for, with --input NAME={path}: "
                f"the model has {', '.join(map(repr, wanted)) or 'none'}."
            )
        (name,) = wanted
    if path.suffix == ".npy":
        return {name: read_npy(path, wanted[name])}
    return {name: read_image(path, wanted[name], image)}


def _choose(name: str | None, path: Path, wanted: Mapping[str, TensorSpec]) -> dict[str, str]:
    """Which entry of an .npz file is which input."""
    entries = npz_entries(path)
    if not entries:
        raise InputError(f"'{path}' holds no array.")
    if name is not None:
        if name in entries or len(entries) > 1:
            _require(name, entries, f"'{path}' has no array")
            return {name: name}
        return {entries[0]: name}
    if len(wanted) == 1 and entries == ("arr_0",):  # numpy's name for a nameless array
        return {"arr_0": next(iter(wanted))}
    for entry in entries:
        _require(entry, wanted, f"'{path}' holds an array for no input")
    return {entry: entry for entry in entries}


def _require(name: str, valid: Sequence[str] | Mapping[str, object], problem: str) -> None:
    if name not in valid:
        raise InputError(f"{problem} {name!r} ({nearest(name, valid)}).")


def _exists(text: str) -> bool:
    try:
        return Path(text).exists()
    except (OSError, ValueError):
        return False
