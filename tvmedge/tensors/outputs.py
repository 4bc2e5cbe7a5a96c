"""Results as .npz: same arrays, same bytes, under the model's own names."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tvmedge.errors import InputError
from tvmedge.resources import atomic_path

_FIRST_DAY = (1980, 1, 1, 0, 0, 0)
_LONGEST_NAME = 65_000


def write_outputs(path: Path, outputs: Mapping[str, np.ndarray]) -> None:
    """Write arrays by original name at ``path``, whole or not at all.

    ``np.load(path)[name]`` gives each back, bfloat16 as float32: numpy would write
    nameless bytes. The file is a plain, uncompressed zip in the order of ``outputs``
    and without a clock time.

    Raises:
        InputError: a name that would lead out of the folder when unzipped
            (a ``..``), or that a zip cannot hold or would confuse with another.
        ToolError: the disk is full or the folder is not writable.
    """
    for name in outputs:
        _check_name(path, name, outputs)
    with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, array in outputs.items():
            # np.savez would date the entries and treat a name `file` as its own option.
            entry = zipfile.ZipInfo(f"{name}.npy", _FIRST_DAY)
            entry.create_system, entry.external_attr = 3, 0o100644 << 16
            if array.dtype.name == "bfloat16":
                array = array.astype(np.float32)  # noqa: PLW2901
            with archive.open(entry, "w", force_zip64=array.nbytes > 1 << 31) as file:
                np.lib.format.write_array(file, np.asarray(array, order="C"), allow_pickle=False)


def _check_name(path: Path, name: str, outputs: Mapping[str, np.ndarray]) -> None:
    try:
        length = len(name.encode())
    except UnicodeEncodeError:
        length = _LONGEST_NAME + 1
    if ".." in name.replace("\\", "/").split("/") or "\0" in name or length > _LONGEST_NAME:
        raise InputError(
            f"Cannot write the output {name[:200]!r} to '{path}': its name is not safe as the "
            "name of a file in an archive; rename the output in the model."
        )
    if f"{name}.npy" in outputs:
        # np.load takes a key for a file name first, and would give the other array.
        raise InputError(
            f"Cannot write the outputs {name!r} and '{name}.npy' to '{path}': "
            "numpy cannot tell them apart; rename one in the model."
        )
