"""Our list of passes against the one that the installed TVM runs."""

from __future__ import annotations

from typing import Any

import tvm
from tvm import te, tirx

from tvmedge.compiler.library.lower import code_passes, kernel_passes, lower

TARGET = {"kind": "llvm"}


def _kernel() -> tvm.IRModule:
    x = te.placeholder((8,), "float32", "x")
    y = te.compute((8,), lambda i: x[i] + 1.0, "y")
    function = te.create_prim_func([x, y]).with_attr("global_symbol", "kernel")
    return tvm.IRModule({"kernel": function})


def _recorder() -> tuple[Any, list[str]]:
    names: list[str] = []

    @tvm.ir.instrument.pass_instrument
    class Recorder:
        def run_before_pass(self, module: tvm.IRModule, info: Any) -> None:
            names.append(info.name)

        def run_after_pass(self, module: tvm.IRModule, info: Any) -> None:
            pass

    return Recorder(), names


def test_the_passes_are_those_of_the_installed_tvm() -> None:
    recorder, theirs = _recorder()
    with tvm.transform.PassContext(opt_level=3, instruments=[recorder]):
        tvm.tirx.build(_kernel(), target=tvm.target.Target(TARGET))
    recorder, ours = _recorder()
    with tvm.transform.PassContext(opt_level=3, instruments=[recorder]):
        lower(_kernel(), tvm.target.Target(TARGET))
    # What only groups passes, and the split into the host's and the device's part.
    groups = {"_pipeline", "sequential", "tirx.Filter"}
    assert "tirx.MakePackedAPI" in theirs
    wanted = [name for name in theirs if name not in groups | {"tirx.MakePackedAPI"}]
    assert ours == wanted


def test_the_convention_changes_where_tvm_changes_it() -> None:
    recorder, theirs = _recorder()
    with tvm.transform.PassContext(opt_level=3, instruments=[recorder]):
        tvm.tirx.build(_kernel(), target=tvm.target.Target(TARGET))
    place = theirs.index("tirx.MakePackedAPI")
    # RemoveNoOp and HoistIfThenElse run others inside of them.
    assert theirs[place + 1] == code_passes()[0].info.name
    assert kernel_passes()[-1].info.name in theirs[place - 2 : place]


def test_a_kernel_takes_plain_pointers() -> None:
    lowered = lower(_kernel(), tvm.target.Target(TARGET))
    (function,) = lowered.functions.values()
    assert isinstance(function, tirx.PrimFunc)
    assert [str(type(param.ty).__name__) for param in function.params] == ["PointerType"] * 2
