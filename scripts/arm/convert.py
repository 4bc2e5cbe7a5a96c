"""ONNX files in ncnn's format, by its own converter (pnnx)."""

from __future__ import annotations

import shutil
import stat
import subprocess
import sys
from pathlib import Path

from scripts.model_list import ModelEntry
from scripts.pnnx import PNNX, foreign_layers
from tvmedge.device.folders import atomic_folder, locked
from tvmedge.errors import InputError, ToolError
from tvmedge.resources import cache_dir

_KINDS = {"float32": "f32", "int64": "i64", "int32": "i32", "bool": "bool"}
_TIMEOUT_S = 300


def to_ncnn(entry: ModelEntry, model: Path, folder: Path) -> Path:
    """``folder/model.ncnn``, to which ncnn adds .param and .bin.

    Raises:
        InputError: pnnx does not take the model, or leaves operators that ncnn lacks.
        ToolError: pnnx cannot be fetched.
    """
    if any(spec.value is not None for spec in entry.inputs.values()):
        raise InputError("pnnx takes no input that is fixed to a value")
    shapes = ",".join(
        f"[{','.join(map(str, spec.shape))}]{_KINDS[spec.dtype]}" for spec in entry.inputs.values()
    )
    source = folder / "model.onnx"
    shutil.copyfile(model, source)
    try:
        done = subprocess.run(
            [str(_program()), source.name, f"inputshape={shapes}", "fp16=0"],
            cwd=folder,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise InputError(f"pnnx had not converted it after {_TIMEOUT_S} s") from error
    param = folder / "model.ncnn.param"
    if done.returncode or not param.is_file():
        raise InputError(f"pnnx does not convert it (exit status {done.returncode})")
    if foreign := foreign_layers(param.read_text(encoding="utf-8")):
        raise InputError(f"pnnx leaves operators that ncnn lacks: {', '.join(foreign)}")
    return param.with_suffix("")


def _program() -> Path:
    folder = cache_dir("arm") / f"pnnx-{PNNX}"
    with locked(folder.with_name(f"{folder.name}.lock")):
        if not folder.is_dir():
            with atomic_folder(folder) as fresh:
                _install(fresh)
    program = folder / "pnnx" / "pnnx"
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return program


def _install(folder: Path) -> None:
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:"]
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "install",
            *options,
            f"--target={folder}",
            f"pnnx=={PNNX}",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise ToolError(f"pip could not fetch pnnx: {said}")
