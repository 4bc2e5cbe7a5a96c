"""The command line itself: what it loads, how it ends, what it prints."""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
from importlib import metadata

import pytest

from tvmedge import cli, versions
from tvmedge.cli import main
from tvmedge.cli.output import JSON_SCHEMA_VERSION
from tvmedge.errors import ExitCode, ToolError
from tvmedge.targeting import target_names


@pytest.mark.parametrize(
    "verb",
    ["--help", "--version", "targets", "doctor"]
    + [f"{verb} --help" for verb in ("run", "profile", "compile", "tune", "records replay")],
)
def test_what_needs_no_compiler_does_not_load_it(verb: str) -> None:
    program = (
        "import sys\nfrom tvmedge.cli import main\ntry:\n    main(sys.argv[1:])\n"
        "except SystemExit:\n    pass\n"
        "print('LOADED', sorted({'tvm', 'tvm_ffi', 'onnx', 'onnxruntime'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *verb.split()], capture_output=True, text=True, check=True
    )
    assert "LOADED []" in done.stdout


def test_import_tvmedge_loads_nothing_heavy() -> None:
    program = "import sys, tvmedge; print({'tvm', 'numpy', 'onnx'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout.strip() == b"set()"


def test_every_verb_exists_and_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    for name, (path, _) in cli.VERBS.items():
        module, _, attribute = path.partition(":")
        assert hasattr(importlib.import_module(f"tvmedge.cli.{module}"), attribute)
        main([name, "--help"])
        assert name in capsys.readouterr().out


def test_targets_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["targets", "--json"]) == 0
    captured = capsys.readouterr()
    document = json.loads(captured.out)
    assert document["verb"] == "targets" and document["schema_version"] == JSON_SCHEMA_VERSION
    assert [t["name"] for t in document["targets"]] == list(target_names())
    assert "raspberry-pi-4b" in captured.err  # the list for people goes elsewhere
    notes = dict(line.split(None, 1) for line in captured.err.splitlines())
    assert "[libraries only: " in notes["pixel-8"] and "[compiled only: " in notes["mali-g78"]
    emulated = {t["name"]: t["emulated"] for t in document["targets"]}
    assert emulated["raspberry-pi-4b"] and emulated["mali-g610"] and not emulated["mali-g78"]


def test_doctor_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    findings = {f["name"]: f for f in json.loads(capsys.readouterr().out)["findings"]}
    assert findings["TVM"]["ok"] and findings["zig linker"]["ok"]
    assert "emulated raspberry-pi-4b" in findings and "emulated mali-g78" not in findings


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("nonsense", "Unknown command .* See 'tvmedge --help'"),
        ("targets --nonsense", "Unknown option: --nonsense. See 'tvmedge targets --help'"),
        ("board pack", "'tvmedge board pack' needs TARGET: see 'tvmedge board pack --help'"),
        ("compile m.onnx", "'tvmedge compile' needs --target: see 'tvmedge compile --help'"),
        ("compile m.onnx -t", "parameter -t requires an argument. See 'tvmedge compile --help'"),
    ],
)
def test_bad_usage_ends_with_two(words: str, says: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(words.split()) == ExitCode.USAGE
    error = capfd.readouterr().err
    assert error.startswith("tvmedge: ") and error.count("\n") == 1
    assert re.search(says, error)


def test_a_bug_is_said_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken() -> None:
        raise RuntimeError("surprise")

    monkeypatch.setattr("tvmedge.cli.targets.target_names", broken)
    assert main(["targets"]) == ExitCode.INTERNAL
    error = capfd.readouterr().err
    assert "RuntimeError: surprise" in error and error.count("\n") == 1


@pytest.mark.parametrize("package", ["apache-tvm", "apache-tvm-ffi"])
@pytest.mark.parametrize("found", ["0.1.15", None])
def test_another_tvm_is_refused_with_the_command_that_helps(
    monkeypatch: pytest.MonkeyPatch, package: str, found: str | None
) -> None:
    real = metadata.version

    def version(name: str) -> str:
        if name != package:
            return real(name)
        if found is None:
            raise metadata.PackageNotFoundError(name)
        return found

    monkeypatch.setattr(metadata, "version", version)
    with pytest.raises(ToolError, match=f"pip install {package}=="):
        versions.require_tvm()
