"""What the device tests share: small models compiled by TVM, servers, their traces."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tvmedge.bundle import (
    BundleContents,
    CheckInfo,
    CodeInfo,
    Form,
    LibraryInfo,
    ModelInfo,
    TargetInfo,
    write_bundle,
)
from tvmedge.device.zig import zig_archive, zig_cc
from tvmedge.targeting import TargetSpec
from tvmedge.types import Signature, TensorSpec

EMULATED = "raspberry-pi-4b"
SIZE = 16
"""Elements of the small models' tensors."""

_TROUBLE = Path(__file__).with_name("trouble.c")


@dataclass(frozen=True)
class Board:
    """A way to start the server: the words before its own options."""

    name: str
    command: tuple[str, ...]


@contextmanager
def listening(board: Board, *options: str) -> Iterator[int]:
    """A server in listen mode; the value is its port."""
    command = [*board.command, "--listen", "127.0.0.1:0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield int(server.stdout.readline().rpartition(":")[2])
        finally:
            server.terminate()
            server.wait(10)


def affine_weights() -> dict[str, np.ndarray]:
    """The weights of the "affine" model."""
    generator = np.random.default_rng(7)
    return {name: generator.random(SIZE).astype("float32") for name in ("w", "b")}


def write_model(path: Path, model: str, spec: TargetSpec, work: Path) -> None:
    weights = affine_weights() if model == "affine" else {}
    x = np.zeros(SIZE, "float32")
    y = x * weights["w"] + weights["b"] if weights else x
    tensors = [TensorSpec(name, (SIZE,), "float32") for name in ("input/x:0", "output/y:0")]
    triple = str(spec.tvm["mtriple"])
    contents = BundleContents(
        model=ModelInfo(model, "0" * 64, "Apache-2.0"),
        target=TargetInfo(spec.name, spec.family.value, triple, str(spec.tvm["mcpu"]), ()),
        signature=Signature((tensors[0],), (tensors[1],)),
        code=CodeInfo("code/model.so", Form.VM, tuple(weights), 1, 0),
        check=CheckInfo("numpy", 1e-4),
        versions={"tvm": "0", "tvm_ffi": "0", "llvm": "0", "tvmedge": "0", "zig": "0"},
        records_sha256=None,
        library=_library(model, spec, work),
        weights=weights,
        check_inputs={tensors[0].name: x},
        check_outputs={tensors[1].name: y},
        notice="",
    )
    write_bundle(path, contents)


def trouble_library(spec: TargetSpec, folder: Path) -> BundleContents:
    """A bundle of trouble_library.c, whose kernel does what its first element asks for."""
    loader = spec.toolchain.loader
    library = folder / (f"{spec.name}.so" if loader else f"{spec.name}.o")
    source = str(Path(__file__).with_name("trouble_library.c"))
    options = ["-target", spec.toolchain.triple, *spec.toolchain.flags, "-fPIC", "-O1"]
    options += ["-shared"] if loader else ["-c"]
    zig_cc([*options, source, "-o", str(library)], "a test library")
    if not loader:
        library = library.with_suffix(".a")
        zig_archive(library, [library.with_suffix(".o")])
    x, kind = np.zeros(SIZE, "float32"), ((SIZE,), "float32")
    code, info = f"code/model{library.suffix}", LibraryInfo("trouble", 0)
    return BundleContents(
        model=ModelInfo("trouble", "0" * 64, "Apache-2.0"),
        target=TargetInfo(spec.name, spec.family.value, str(spec.tvm["mtriple"]), "generic", ()),
        signature=Signature((TensorSpec("input/x:0", *kind),), (TensorSpec("output/y:0", *kind),)),
        code=CodeInfo(code, Form.LIBRARY, (), 1, 0, info),
        check=CheckInfo("numpy", 1e-4),
        versions={"tvmedge": "0"},
        records_sha256=None,
        library=library.read_bytes(),
        weights={},
        check_inputs={"input/x:0": x},
        check_outputs={"output/y:0": x},
        notice="",
    )


def _library(model: str, spec: TargetSpec, work: Path) -> bytes:
    """The compiled model, linked by zig with the troublesome kernel beside TVM's."""
    import tvm
    from tvm import relax

    builder = relax.BlockBuilder()
    shape = relax.TensorType((SIZE,), "float32")
    x = relax.Var("x", shape)
    others = [relax.Var(name, shape) for name in ("w", "b")] if model == "affine" else []
    with builder.function("main", [x, *others]):
        with builder.dataflow():
            if others:
                value = relax.op.add(relax.op.multiply(x, others[0]), others[1])
            else:
                value = relax.op.call_dps_packed("trouble", x, out_ty=shape)
            output = builder.emit_output(value)
        builder.emit_func_output(output)
    built = relax.build(builder.finalize(), tvm.target.Target(dict(spec.tvm)))

    def link(output_path: str, objects: list[str], **_: object) -> None:
        files = [*objects, str(_TROUBLE), "-o", output_path]
        include = Path(tvm.__file__).parent.parent / "tvm_ffi" / "include"
        arguments = ["-shared", "-fPIC", "-O1", f"-I{include}", f"--target={spec.toolchain.triple}"]
        zig_cc([*arguments, *files], "a test model")

    file = work / f"{model}-{spec.name}.so"
    built.export_library(str(file), fcompile=link)
    return file.read_bytes()


def alive(needle: str) -> list[int]:
    """The processes whose command line or environment holds ``needle``."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            text = (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
        except OSError:
            continue
        if needle.encode() in text:
            found.append(int(folder.name))
    return found


def zombies(parent: int | None = None) -> list[int]:
    """Children of a process, of this one by default, that nobody has waited for."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, number = stat.read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if state == "Z" and int(number) == (parent or os.getpid()):
            found.append(int(stat.parent.name))
    return found
