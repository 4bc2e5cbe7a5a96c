"""What an app's developer gets of a small model, and programs made of it."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from onnx.reference import ReferenceEvaluator

from tests.library_runs import library_of, scheduled
from tests.onnx_models import conv_net, save
from tvmedge.boards.emulated import require_emulator
from tvmedge.compiler.library.sdk import Sdk, write_sdk
from tvmedge.errors import ToolError
from tvmedge.model.importer import import_model
from tvmedge.model.load import load
from tvmedge.targeting import TargetSpec

X = np.random.default_rng(9).standard_normal((1, 3, 16, 16)).astype(np.float32)
WANT = ReferenceEvaluator(conv_net()).run(None, {"in:0": X})[0]


def sdk_of(
    spec: TargetSpec, folder: Path, prefix: str, sdk: Sdk | None = None, threads: int = 1
) -> Path:
    """The folder ``prefix`` in ``folder``; beside it x.bin, an input."""
    net = import_model(load(save(conv_net(), folder / "net.onnx")), {})
    compiled = library_of(scheduled(net, spec), prefix, threads)
    write_sdk(folder / prefix, compiled, spec, sdk or Sdk(folder))
    X.tofile(folder / "x.bin")
    return folder / prefix


def emulator_of(spec: TargetSpec) -> list[str]:
    """The command of the target's emulator; the test is skipped without one."""
    try:
        return require_emulator(spec)
    except ToolError as error:
        pytest.skip(str(error))


def emulated(spec: TargetSpec, program: Path, arguments: Sequence[str]) -> bytes:
    """What the program prints on an emulator, given ``arguments``."""
    command = emulator_of(spec)
    assert spec.emulator is not None
    if spec.emulator.machine is None:
        command += [str(program), *arguments]
    else:
        given = "".join(f",arg={argument}" for argument in arguments)
        command[command.index("-semihosting-config") + 1] += f",chardev=console{given}"
        command[1:1] = ["-chardev", "stdio,id=console"]
        command.append(str(program))
    return subprocess.run(command, check=True, capture_output=True, timeout=60).stdout


def close(output: bytes, times: int = 1) -> bool:
    """Whether a program printed the model's results on x.bin, so many times."""
    got = np.frombuffer(output, np.float32)
    want = np.tile(WANT.reshape(-1), times)
    return got.shape == want.shape and bool(np.abs(got - want).max() <= 1e-5 * np.abs(want).max())


def both(spec: TargetSpec, folder: Path) -> tuple[list[str], list[str]]:
    """Flags for the headers, and the parts of a program that runs one model, then the other."""
    folders = [sdk_of(spec, folder, name, Sdk(folder, True)) for name in ("one", "two")]
    main = folder / "both.c"
    runs = "".join(
        f"  {p}_io {p} = {{(const float *)x, (float *)y}};\n"
        f"  if ({p}_run(&{p}, w)) return 2;\n  fwrite(y, 1, sizeof y, stdout);\n"
        for p in ("one", "two")
    )
    main.write_text(
        '#include "one.h"\n#include "two.h"\n#include <stdio.h>\n'
        "_Alignas(ONE_ALIGNMENT) static unsigned char x[ONE_IN_0_BYTES], y[TWO_OUT_0_BYTES],\n"
        "  w[1 << 20];\n"
        "int main(int n, char **a) {\n"
        '  FILE *f = fopen(a[n - 1], "rb");\n'
        "  if (!f || fread(x, 1, sizeof x, f) != sizeof x) return 1;\n"
        f"{runs}  return 0;\n}}\n"
    )
    libraries = [str(f / f"lib{f.name}.a") for f in folders]
    return [f"-I{folder}" for folder in folders], [str(main), *libraries]
