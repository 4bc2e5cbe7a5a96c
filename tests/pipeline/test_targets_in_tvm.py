"""What the target files promise, held against TVM's LLVM and against QEMU."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import tvm
from tvm import relax, te
from tvm.target import Target, codegen

from tvmedge.errors import InputError
from tvmedge.plugin import autoload
from tvmedge.targeting import Family, TargetSpec, host_cpu, target, target_names

# What LLVM selects by itself. Crypto, JavaScript conversion and system features
# show up in a CPU's list too, but only intrinsics that nobody writes reach them.
SELECTED = set(
    "neon lse rdm rcpc dotprod fullfp16 fp16fml complxnum i8mm bf16 sve sve2 sme mve mve.fp".split()  # noqa: SIM905
)
ARM64 = [
    name for name in target_names() if str(target(name).tvm["mtriple"]).startswith("aarch64-linux")
]
DEVICES = [name for name in target_names() if not name.startswith("host")]


def llvm_features(**keys: object) -> set[str]:
    return {str(name) for name in codegen.llvm_get_cpu_features(Target({"kind": "llvm", **keys}))}


def assembly(spec: TargetSpec) -> str:
    """A vectorised product of matrices and a call of libm, compiled for ``spec``."""
    a, b = (te.placeholder((32, 64), name=name) for name in "ab")
    k = te.reduce_axis((0, 32), name="k")
    dot = te.compute((32, 64), lambda i, j: te.sum(a[i, k] * b[k, j], axis=k), name="dot")
    out = te.compute((32, 64), lambda i, j: te.atan(dot[i, j]), name="out")
    kernel = te.create_prim_func([a, b, out]).with_attr("global_symbol", "kernel")
    schedule = tvm.s_tir.Schedule(tvm.IRModule({"kernel": kernel}))
    schedule.work_on("kernel")
    i, j, reduce = schedule.get_loops(schedule.get_sblock("dot"))
    outer, inner = schedule.split(j, [None, 16])
    schedule.reorder(i, outer, reduce, inner)
    schedule.vectorize(inner)
    return str(tvm.compile(schedule.mod, Target(dict(spec.tvm))).mod.inspect_source("asm"))


@pytest.mark.parametrize("name", target_names())
def test_compiles_without_a_word_from_llvm(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    spec = target(name)
    text = assembly(spec)
    assert capfd.readouterr().err == ""
    accepted = Target(dict(spec.tvm))
    for key, value in spec.tvm.items():
        held = accepted.attrs[key] if key != "kind" else accepted.kind.name
        assert (list(held) if isinstance(value, list) else held) == value
    if name in ARM64:
        assert re.search(r"fmla\s+v\d+\.4s", text)
        assert not re.search(r"\bz\d+\.[bhsd]\b", text), "SVE code"


def test_a_wrong_feature_would_be_heard(capfd: pytest.CaptureFixture[str]) -> None:
    keys = {"kind": "llvm", "mtriple": "aarch64-linux-gnu", "mattr": ["+nonsense"]}
    codegen.llvm_get_cpu_features(Target(keys))
    assert "nonsense" in capfd.readouterr().err


def test_armv7_passes_floats_in_float_registers() -> None:
    """TVM's default is soft-float, whatever the triple says: libm would get rubbish."""
    text = assembly(target("raspberry-pi-2"))
    assert re.search(r"v(ldr|mov)\S*\s+s0,", text)
    assert re.search(r"\bv(mla|mul|fma)\.f32\s+q\d+", text)


@pytest.mark.parametrize("name", DEVICES)
def test_features_are_those_of_llvm_and_every_core_has_them(name: str) -> None:
    spec = target(name)
    triple, mcpu, attributes = (spec.tvm[key] for key in ("mtriple", "mcpu", "mattr"))
    enabled = llvm_features(mtriple=triple, mcpu=mcpu, mattr=attributes)
    assert enabled & SELECTED <= set(spec.features) <= enabled
    if spec.family is Family.HEXAGON:
        return  # its vector unit is an option that no core of LLVM's has
    for core in spec.board.clusters:
        assert set(spec.features) <= llvm_features(mtriple=triple, mcpu=core), core


def test_helium_computes_floats_in_vectors() -> None:
    assert re.search(r"\bvfma\.f32\s+q\d", assembly(target("cortex-m55")))
    assert not re.search(r"\bv\S+\s+q\d", assembly(target("cortex-m7")))


def test_libcalls_of_bare_metal_are_arms() -> None:
    """A triple of three parts makes LLVM call __fixsfdi, which zig's runtime lacks."""
    a = te.placeholder((8,), name="a")
    out = te.compute((8,), lambda i: a[i].astype("int64"), name="out")
    kernel = te.create_prim_func([a, out]).with_attr("global_symbol", "kernel")
    for name in ("cortex-m7", "cortex-m55"):
        made = tvm.compile(tvm.IRModule({"kernel": kernel}), Target(dict(target(name).tvm)))
        assert "__aeabi_f2lz" in str(made.mod.inspect_source("asm"))


def test_levels_are_those_of_llvm() -> None:
    for level in ("x86-64", "x86-64-v2", "x86-64-v3", "x86-64-v4"):
        wide = llvm_features(mtriple="x86_64-linux-gnu", mcpu=level)
        mine = set(host_cpu.level_features(level))
        assert mine <= wide
        vector = {name for name in wide if re.match(r"s?sse|avx|fma|bmi|f16c|lzcnt|movbe", name)}
        assert vector <= mine


@pytest.fixture(scope="module")
def hwcap(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An aarch64 program that prints what the kernel says of the CPU."""
    if shutil.which("qemu-aarch64") is None:
        pytest.skip("qemu-aarch64 is not installed (Debian package qemu-user)")
    source = tmp_path_factory.mktemp("hwcap") / "hwcap.c"
    source.write_text(
        "#include <stdio.h>\n#include <sys/auxv.h>\n"
        'int main(void) { printf("%lu %lu", getauxval(AT_HWCAP), getauxval(AT_HWCAP2)); }\n'
    )
    program = source.with_suffix("")
    zig = [sys.executable, "-m", "ziglang", "cc", "-target", "aarch64-linux-musl", "-static"]
    subprocess.run([*zig, "-o", program, source], check=True, capture_output=True)
    return program


def _emulated(name: str) -> bool:
    emulator = target(name).emulator
    return emulator is not None and emulator.program == "qemu-aarch64"


@pytest.mark.parametrize("name", filter(_emulated, DEVICES))
def test_the_emulated_cpu_has_the_features(name: str, hwcap: Path) -> None:
    spec = target(name)
    assert spec.emulator is not None
    command = [spec.emulator.program, "-cpu", spec.emulator.cpu, str(hwcap)]
    said = subprocess.run(command, check=True, capture_output=True).stdout
    one, two = map(int, said.split())
    bits = one | two << 64
    # Bit numbers of AT_HWCAP and AT_HWCAP2 in Linux arch/arm64/include/uapi/asm/hwcap.h.
    known = {"neon": 1, "lse": 8, "fullfp16": 10, "rdm": 12, "complxnum": 14, "rcpc": 15}
    known |= {"dotprod": 20, "fp16fml": 23, "i8mm": 64 + 13, "bf16": 64 + 14}
    assert set(spec.features) <= {feature for feature, bit in known.items() if bits >> bit & 1}


def test_tvms_own_hexagon_is_refused_in_its_place() -> None:
    """As a target of the command line, and in TVM with our pipeline."""
    with pytest.raises(InputError, match=r"'hexagon' is TVM's own kind.*x86 .*hexagon-v67"):
        target("hexagon")
    autoload()
    ours = relax.get_pipeline("tvmedge_hexagon")
    with (
        Target({"kind": "hexagon", "mtriple": "hexagon", "mcpu": "hexagonv67"}),
        pytest.raises(RuntimeError, match=r"code for its target kind 'hexagon'.*tvmedge/hexa"),
    ):
        ours(tvm.IRModule())
    with Target("tvmedge/hexagon-v67"):
        assert not ours(tvm.IRModule()).functions
