"""Bundles that hold a freestanding library: compiled, checked, timed, refused."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from tests.onnx_models import conv_net, model, save, tensor
from tvmedge.boards.address import parse_address
from tvmedge.boards.session import open_session
from tvmedge.bundle import (
    BundleContents,
    Form,
    LibraryInfo,
    read_bundle,
    write_bundle,
)
from tvmedge.bundle.malformed import MalformedError
from tvmedge.cli import main
from tvmedge.compiler.compile import CompileOptions, compile_frontend, open_frontend
from tvmedge.compiler.forms import FormChoice
from tvmedge.errors import BoardError, InputError, TrustError
from tvmedge.model.load import load
from tvmedge.targeting import target


@pytest.fixture(scope="module")
def forms(tmp_path_factory: pytest.TempPathFactory) -> dict[Form, BundleContents]:
    """The same model in both forms."""
    path = save(conv_net(), tmp_path_factory.mktemp("net") / "net.onnx")
    options = CompileOptions()
    frontend = open_frontend(load(path), options)
    made = {
        form: dataclasses.replace(options, form=FormChoice(form))
        for form in (Form.VM, Form.LIBRARY)
    }
    return {form: compile_frontend(frontend, target("host"), o) for form, o in made.items()}


@pytest.fixture
def bundle(forms: dict[Form, BundleContents], tmp_path: Path) -> Path:
    write_bundle(tmp_path / "net.tvmedge", forms[Form.LIBRARY])
    return tmp_path / "net.tvmedge"


def test_both_forms_give_the_same(forms: dict[Form, BundleContents], tmp_path: Path) -> None:
    inputs = {"in:0": np.random.default_rng(1).standard_normal((1, 3, 16, 16)).astype("float32")}
    outputs = []
    for form, contents in forms.items():
        path = tmp_path / f"{form.value}.tvmedge"
        write_bundle(path, contents)
        with open_session(parse_address("local"), path) as session:
            first = session.run(inputs)
            session.run({"in:0": inputs["in:0"] + 1})
            outputs.append(session.run(inputs)["out/0"])
            assert first["out/0"].tobytes() == outputs[-1].tobytes()
            assert all(0 < sample < 1000 for sample in session.time(3))
    assert outputs[0].tobytes() == outputs[1].tobytes()
    manifest = read_bundle(tmp_path / "library.tvmedge").manifest
    info = manifest.code.library
    assert info == forms[Form.LIBRARY].code.library
    assert info is not None and info.prefix == "net" and info.workspace_bytes > 0


def test_run_and_profile_take_a_library(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", str(bundle), "--check", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["check"]["ok"]
    assert main(["profile", str(bundle), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["latency"]["p50_ms"] > 0


def test_compile_says_which_form(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    net = str(save(conv_net(), tmp_path / "net.onnx"))
    command = ["compile", net, "-t", "host", "-o", str(tmp_path), "--form", "library"]
    assert main([*command, "--json"]) == 0
    (made,) = json.loads(capsys.readouterr().out)["bundles"]
    assert (made["form"], made["vm_because"]) == ("library", None)
    assert made["threads"] == target("host").board.cores
    for more, form, threads in (([], "library", 1), (["--form", "vm"], "vm", None)):
        others = more or ["--threads", "1"]
        assert main([*command[:6], *others, "--json"]) == 0
        captured = capsys.readouterr()
        (other,) = json.loads(captured.out)["bundles"]
        assert (other["form"], other["threads"]) == (form, threads)
        assert ("library for one thread" in captured.err) == (form == "library")
    kib = made["workspace_bytes"] // 1024
    assert main([*command, "--max-workspace-kb", str(kib + 1)]) == 0
    assert main([*command, "--max-workspace-kb", str(kib // 2)]) == 3
    error = capsys.readouterr().err
    assert "more than the" in error and "alive at its peak (KiB): " in error
    assert main([*command[:-1], "vm", "--max-workspace-kb", "1"]) == 2


def test_what_cannot_be_a_library_is_refused_or_says_why(tmp_path: Path) -> None:
    from onnx import helper

    relu = helper.make_node("Relu", ["x"], ["y"])
    proto = model([relu], [tensor("x", ["n", 6])], [tensor("y", ["n", 6])])
    options = CompileOptions(form=FormChoice(None))
    frontend = open_frontend(load(save(proto, tmp_path / "open.onnx")), options)
    for name in ("host", "raspberry-pi-2"):
        made = compile_frontend(frontend, target(name), options)
        assert made.code.form is Form.VM
        assert made.code.vm_because == "'x' has the open dimension n (--input fixes it)"
    with pytest.raises(InputError, match=r"--input fixes it.; compile it with --form vm"):
        asked = CompileOptions(form=FormChoice(Form.LIBRARY))
        compile_frontend(frontend, target("host"), asked)


def test_weights_of_another_model_are_refused(
    forms: dict[Form, BundleContents], tmp_path: Path
) -> None:
    contents = forms[Form.LIBRARY]
    others = {name: array + 1 for name, array in contents.weights.items()}
    path = tmp_path / "mixed.tvmedge"
    write_bundle(path, dataclasses.replace(contents, weights=others))
    with pytest.raises(TrustError, match="not those its library was made for"):
        open_session(parse_address("local"), path)


def test_weights_are_hashed_by_the_process_that_uses_them(
    forms: dict[Form, BundleContents], tmp_path: Path
) -> None:
    """By no other before it, and once: a damaged byte is found there."""
    for form, contents in forms.items():
        path = tmp_path / f"{form.value}.tvmedge"
        write_bundle(path, contents)
        whole = read_bundle(path)
        assert whole.weights_sha256() == hashlib.sha256(whole.weights_file()).hexdigest()
        damaged = bytearray(path.read_bytes())
        damaged[damaged.index(whole.weights_file()) + len(whole.weights_file()) - 1] ^= 1
        path.unlink()
        path.write_bytes(damaged)
        assert read_bundle(path, weights=False).manifest == whole.manifest
        with pytest.raises(TrustError, match=r"in the file 'weights\.safetensors'"):
            read_bundle(path)
        with pytest.raises(TrustError, match=r"in the file 'weights\.safetensors'"):
            open_session(parse_address("local"), path)


def test_code_that_is_no_library_is_refused(
    forms: dict[Form, BundleContents], tmp_path: Path
) -> None:
    path = tmp_path / "bad.tvmedge"
    write_bundle(path, dataclasses.replace(forms[Form.LIBRARY], library=b"\x7fELF but no more"))
    with pytest.raises(BoardError, match="does not load"):
        open_session(parse_address("local"), path)


@pytest.mark.parametrize(
    "code",
    [
        {"form": Form.VM},
        {"library": None},
        {"library": LibraryInfo("Net-1", 0)},
        {"library": LibraryInfo("net", -1)},
    ],
)
def test_a_manifest_that_contradicts_itself_is_refused(
    forms: dict[Form, BundleContents], tmp_path: Path, code: dict[str, object]
) -> None:
    contents = forms[Form.LIBRARY]
    changed = dataclasses.replace(contents.code, **code)  # type: ignore[arg-type]
    with pytest.raises(MalformedError):
        write_bundle(tmp_path / "x.tvmedge", dataclasses.replace(contents, code=changed))
