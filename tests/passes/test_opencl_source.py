"""OpenCL C in fewer words computes the same: here the text, on devices every kernel test."""

from __future__ import annotations

import tvm_ffi

from tvmedge.compiler.opencl_source import alone, tidy


def test_what_nobody_asks_for_is_left_out() -> None:
    lines = ["int a = b;", "int c = a;", "int d = e;", "x[d] = 1;"]
    assert tidy("\n".join(lines)) == "int d = e;\nx[d] = 1;"


def test_only_whole_sums_are_added() -> None:
    assert tidy("  r[0] = (r[0] + (a * b));") == "  r[0] += (a * b);"
    for other in ("r[0] = (r[0] + a) * (b);", "r[0] = (r[1] + a);", "r[i] = (r[i] + a);"):
        assert tidy(other) == other


def test_casts_to_what_a_pointer_is_are_left_out() -> None:
    head = "__kernel void k(__global float* restrict x, __global half* restrict y) {"
    load = "a = vload4(0, ((__global float *)x + i)), b = vload4(0, ((__global float *)y + i));"
    wanted = "a = vload4(0, (x + i)), b = vload4(0, ((__global float *)y + i));"
    assert tidy(f"{head}\n{load}") == f"{head}\n{wanted}"


def test_names_stay_different() -> None:
    text = "x_intermediate_local_ptr[0] = x_ptr[0] + x_local_ptr[0] + max_ptr[0] + max(1, y_);"
    words = tidy(text).replace("[0]", "").replace(";", "").split(" + ")
    names = [words[0].split(" = ")[0], words[0].split(" = ")[1], *words[1:3]]
    assert len(set(names)) == 4 and words[-1] == "max(1, y_)"


def test_kernels_of_a_module_are_apart() -> None:
    with alone():
        tidied = tvm_ffi.get_global_func("tvm_callback_opencl_postproc")
        text = "__kernel void other(int x);\n__kernel void mine(int x) {\n}\n"
        assert str(tidied(text, None)) == "__kernel void mine(int x) {\n}\n"
