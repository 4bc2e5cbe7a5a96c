"""Libraries where no loader is: linked with a program, run on an imitated machine."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from elftools.elf.elffile import ELFFile

from scripts import model_list, model_samples
from scripts.model_import import given_inputs
from tests.library_runs import library_of, scheduled, vm_outputs
from tests.library_sdk import both, close, emulated, emulator_of, sdk_of
from tests.onnx_models import conv_net, model, save, tensor
from tvmedge.boards.address import parse_address
from tvmedge.boards.session import SessionOptions, open_session
from tvmedge.bundle import Form, write_bundle
from tvmedge.compiler.compile import CompileOptions, compile_frontend, compile_model, open_frontend
from tvmedge.compiler.forms import FormChoice
from tvmedge.compiler.library.sdk import Sdk
from tvmedge.compiler.library.symbols import foreign
from tvmedge.device.linked_server import link_program
from tvmedge.device.zig import zig_cc
from tvmedge.errors import InputError
from tvmedge.model.importer import import_model
from tvmedge.model.load import load
from tvmedge.targeting import target

LINKED = ("cortex-m7", "cortex-m55", "hexagon-v67")
PROCESSORS = ("host", "raspberry-pi-4b", "raspberry-pi-2", "pixel-8", *LINKED)
"""One target of each kind of code."""


@pytest.mark.parametrize("name", LINKED)
def test_the_example_runs_without_a_loader(name: str, tmp_path: Path) -> None:
    """The SDK's main.c as it is, on picolibc or musl, with weights from a file."""
    spec = target(name)
    emulator_of(spec)
    folder, program = sdk_of(spec, tmp_path, "net"), tmp_path / "program"
    assert not (folder / "libnet.so").exists()
    # -Os: zig builds musl anew for another level.
    strict = ["-std=c11", "-Os", "-Wall", "-Wextra", "-Werror"]
    parts = [*strict, str(folder / "main.c"), str(folder / "libnet.a")]
    link_program(spec, parts, program, "crt0-semihost.o")
    files = [str(folder / "weights.safetensors"), str(tmp_path / "x.bin")]
    assert close(emulated(spec, program, files))


@pytest.mark.parametrize("name", LINKED)
def test_two_models_live_in_one_program_there_too(name: str, tmp_path: Path) -> None:
    spec = target(name)
    emulator_of(spec)
    includes, parts = both(spec, tmp_path)
    link_program(spec, ["-Os", *includes, *parts], tmp_path / "program", "crt0-semihost.o")
    assert close(emulated(spec, tmp_path / "program", [str(tmp_path / "x.bin")]), 2)


@pytest.mark.parametrize("name", PROCESSORS)
def test_an_archive_needs_c_and_shows_one_prefix(name: str, tmp_path: Path) -> None:
    spec = target(name)
    archive = sdk_of(spec, tmp_path, "net", Sdk(tmp_path, True)) / "libnet.a"
    # What a linker makes of all of it, without anything else.
    whole = tmp_path / "whole.o"
    options = ["-target", spec.toolchain.triple, *spec.toolchain.flags, "-r", "-nostdlib"]
    zig_cc([*options, "-Wl,--whole-archive", str(archive), "-o", str(whole)], "an archive")
    elf = ELFFile(io.BytesIO(whole.read_bytes()))
    symbols = [s for s in elf.get_section_by_name(".symtab").iter_symbols() if s.name]
    needed = {s.name for s in symbols if s["st_shndx"] == "SHN_UNDEF"}
    shown = {
        s.name
        for s in symbols
        if s["st_shndx"] != "SHN_UNDEF"
        and s["st_info"]["bind"] != "STB_LOCAL"
        and s["st_other"]["visibility"] == "STV_DEFAULT"
    }
    assert foreign(needed) == ()
    assert {"net_run", "net_inputs", "net_workspace_bytes"} <= shown
    assert all(symbol.startswith("net_") for symbol in shown)


REAL = ("openwakeword-hey-rhasspy", "text-classifier", "silero-vad-openvino-16k", "attacut-sc")


@pytest.mark.parametrize(
    ("model_name", "name"),
    [
        ("openwakeword-hey-rhasspy", "cortex-m7"),
        *(
            pytest.param(model_name, name, marks=pytest.mark.slow)
            for model_name in REAL
            for name in (*LINKED, "raspberry-pi-2", "pixel-8")
            if (model_name, name) != ("openwakeword-hey-rhasspy", "cortex-m7")
        ),
    ],
)
def test_real_models_give_there_what_the_vm_gives_here(
    model_name: str, name: str, model_path: Callable[[str], Path], tmp_path: Path
) -> None:
    spec = target(name)
    emulator_of(spec)
    entry = model_list.find(model_name)
    given = given_inputs(entry)
    options = CompileOptions(shapes=given.shapes, values=given.values)
    frontend = open_frontend(load(model_path(model_name)), options)
    path = tmp_path / "real.tvmedge"
    write_bundle(path, compile_frontend(frontend, spec, options))
    sample = {n: np.array(x, order="C") for n, x in model_samples.plausible(entry, 5).items()}
    here = scheduled(frontend.imported, target("host"))
    inputs = [sample[s.name] for s in here.signature.inputs]
    outputs = [s.name for s in here.signature.outputs]
    session_options = SessionOptions(timeout_s=300)
    with open_session(parse_address("emulated"), path, session_options) as session:
        there = session.run({s.name: sample[s.name] for s in here.signature.inputs})
    for output, want in zip(outputs, vm_outputs(here, inputs), strict=True):
        assert np.abs(there[output] - want).max() <= 1e-5 * np.abs(want).max()


def test_what_needs_the_vm_is_refused_for_what_has_none(tmp_path: Path) -> None:
    from onnx import helper

    relu = helper.make_node("Relu", ["x"], ["y"])
    proto = model([relu], [tensor("x", ["n", 6])], [tensor("y", ["n", 6])])
    options = CompileOptions()
    frontend = open_frontend(load(save(proto, tmp_path / "open.onnx")), options)
    for name in LINKED:
        why = "takes freestanding libraries only, .*: 'x' has the open dimension n"
        with pytest.raises(InputError, match=why):
            compile_frontend(frontend, target(name), options)


@pytest.mark.parametrize(
    ("form", "why"),
    [
        (FormChoice(Form.VM), "takes libraries only: TVM's runtime needs an operating system"),
        (FormChoice(threads=2), "has one thread: threads need pthreads"),
    ],
)
def test_what_bare_metal_lacks_is_refused(form: FormChoice, why: str, tmp_path: Path) -> None:
    net = load(save(conv_net(), tmp_path / "net.onnx"))
    with pytest.raises(InputError, match=why):
        compile_model(net, target("cortex-m7"), CompileOptions(form=form))


def test_what_does_not_fit_is_refused_before_it_runs(tmp_path: Path) -> None:
    spec = target("cortex-m7")
    emulator_of(spec)
    path = tmp_path / "net.tvmedge"
    write_bundle(path, compile_model(load(save(conv_net(), tmp_path / "net.onnx")), spec))
    assert spec.emulator is not None and spec.emulator.machine is not None
    machine = dataclasses.replace(spec.emulator.machine, ram_bytes=8192)
    small = dataclasses.replace(spec, emulator=dataclasses.replace(spec.emulator, machine=machine))
    with pytest.raises(InputError, match=r"does not fit into the 8 KiB .*workspace \d+ KiB"):
        open_session(parse_address("emulated"), path, SessionOptions(target=small))


def test_the_driver_of_bare_metal_is_built_for_its_core(tmp_path: Path) -> None:
    """Of the float registers a call passes arguments in: else a linker refuses the archive."""
    made = library_of(
        scheduled(
            import_model(load(save(conv_net(), tmp_path / "net.onnx")), {}), target("cortex-m7")
        ),
        "net",
    )
    kernels = ELFFile(io.BytesIO(made.kernels[0]))
    assert kernels["e_machine"] == "EM_ARM"
    attributes = kernels.get_section_by_name(".ARM.attributes")
    tags = {
        a.tag: a.value
        for sub in attributes.iter_subsections()
        for part in sub.iter_subsubsections()
        for a in part.iter_attributes()
    }
    assert tags["TAG_ABI_VFP_ARGS"] == 1 and tags["TAG_CPU_ARCH_PROFILE"] == ord("M")
