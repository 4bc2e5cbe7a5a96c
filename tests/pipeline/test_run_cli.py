"""``tvmedge run`` and ``tvmedge profile`` on this machine."""

from __future__ import annotations

import json
import platform
from pathlib import Path

import numpy as np
import pytest
from onnx.reference import ReferenceEvaluator
from PIL import Image

from tests.onnx_models import conv_net
from tvmedge.bundle import BundleContents, read_bundle, write_bundle
from tvmedge.cli import main


def _rewrite(path: Path, out: Path, **changes: object) -> Path:
    """The bundle at ``path`` with parts of it changed, hashes valid."""
    bundle = read_bundle(path)
    manifest = bundle.manifest
    parts: dict[str, object] = {
        "model": manifest.model,
        "target": manifest.target,
        "signature": manifest.signature,
        "code": manifest.code,
        "check": manifest.check,
        "versions": manifest.versions,
        "records_sha256": manifest.records_sha256,
        "library": bytes(bundle.code()),
        "weights": bundle.weights(),
        "check_inputs": bundle.check_inputs(),
        "check_outputs": bundle.check_outputs(),
        "notice": "",
    }
    write_bundle(out, BundleContents(**(parts | changes)))  # type: ignore[arg-type]
    return out


def test_outputs_are_the_models_under_their_own_names(
    bundles: dict[str, Path], tmp_path: Path
) -> None:
    x = np.random.default_rng(3).standard_normal((1, 3, 16, 16)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    command = ["run", str(bundles["host"]), "--input", f"in:0={tmp_path / 'x.npy'}"]
    assert main([*command, "--output", str(tmp_path / "y.npz")]) == 0
    want = ReferenceEvaluator(conv_net()).run(None, {"in:0": x})[0]
    with np.load(tmp_path / "y.npz") as outputs:
        assert list(outputs) == ["out/0"]
        np.testing.assert_allclose(outputs["out/0"], want, rtol=1e-4, atol=1e-4)


def test_an_image_and_random_inputs_run(bundles: dict[str, Path], tmp_path: Path) -> None:
    Image.new("RGB", (40, 30), (200, 10, 90)).save(tmp_path / "cat.png")
    image = ["--input", str(tmp_path / "cat.png"), "--resize", "crop", "--mean", "0.5"]
    assert main(["run", str(bundles["host"]), *image]) == 0
    assert main(["run", str(bundles["host"]), "--input", "random", "--seed", "4"]) == 0


def test_the_check_passes_and_is_reported(
    bundles: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", str(bundles["host"]), "--check", "--json"]) == 0
    check = json.loads(capsys.readouterr().out)["check"]
    assert check["ok"] and check["error"] <= check["tolerance"] == 1e-4
    assert check["reference"].startswith("onnxruntime")


@pytest.mark.parametrize("wrong", [np.float32(0.1), np.float32(np.nan)])
def test_the_check_fails_with_its_own_exit_code(
    bundles: dict[str, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    wrong: np.float32,
) -> None:
    outputs = {n: a + wrong for n, a in read_bundle(bundles["host"]).check_outputs().items()}
    path = _rewrite(bundles["host"], tmp_path / "wrong.tvmedge", check_outputs=outputs)
    assert main(["run", str(path), "--check", "--json"]) == 3
    captured = capsys.readouterr()
    assert json.loads(captured.out)["check"]["ok"] is False
    assert "check FAILED" in captured.err
    assert main(["profile", str(path), "--repetitions", "1"]) == 3


def test_a_profile_has_cold_start_and_percentiles(
    bundles: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["profile", str(bundles["host"]), "--repetitions", "7", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    latency = document["latency"]
    assert latency["repetitions"] == len(latency["samples_ms"]) == 7
    assert 0 < latency["min_ms"] <= latency["p50_ms"] <= latency["p90_ms"] <= latency["max_ms"]
    assert document["cold_start_ms"] > latency["p50_ms"]
    assert document["memory_kib"] > 0
    assert document["check"]["ok"]


def test_runs_are_repeated_until_the_median_is_sure(
    bundles: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--json", "--precision", "50", "--seconds", "60"]
    assert main(["profile", str(bundles["host"]), *arguments]) == 0
    latency = json.loads(capsys.readouterr().out)["latency"]
    low, high = latency["p50_interval_ms"]
    assert latency["settled"]
    assert high - low <= latency["p50_ms"]


@pytest.mark.parametrize(
    ("budgets", "code", "says"),
    [
        (["--max-latency-ms", "1e6", "--max-memory-mb", "1e6", "--max-size-mb", "1"], 0, "kept"),
        (["--max-latency-ms", "1e-9"], 3, "NOT KEPT"),
        (["--max-size-mb", "1e-9"], 3, "NOT KEPT"),
        (["--max-energy-mj", "1e9", "--no-energy"], 3, "not measured (it was not asked for)"),
    ],
    ids=["kept", "latency", "size", "energy"],
)
def test_budgets_are_kept_or_fail(
    bundles: dict[str, Path],
    capsys: pytest.CaptureFixture[str],
    budgets: list[str],
    code: int,
    says: str,
) -> None:
    assert main(["profile", str(bundles["host"]), "--repetitions", "3", *budgets]) == code
    assert says in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "nothing to run"),
        (["--output", "y.npz", "--check"], "--output needs inputs"),
        (["--input", "x=random"], "no input 'x'"),
        (["--input", "missing.npy"], "missing.npy"),
        (["--check", "--board", "nowhere"], "no board 'nowhere'"),
        (["--check", "--emulate", "raspbery-pi"], "raspberry-pi"),
    ],
)
def test_bad_usage_is_one_sentence(
    bundles: dict[str, Path],
    capfd: pytest.CaptureFixture[str],
    arguments: list[str],
    says: str,
) -> None:
    assert main(["run", str(bundles["host"]), *arguments]) == 2
    error = capfd.readouterr().err
    assert says in error and error.count("\n") == 1, error


@pytest.mark.parametrize(
    ("array", "says"),
    [
        (np.zeros((1, 3, 16), np.float32), "1x3x16 "),
        (np.zeros((1, 3, 16, 17), np.float32), "1x3x16x17"),
        (np.zeros((1, 3, 16, 16), np.float64), "float64"),
    ],
    ids=["rank", "size", "dtype"],
)
def test_an_input_of_another_type_is_refused(
    bundles: dict[str, Path],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    array: np.ndarray,
    says: str,
) -> None:
    np.save(tmp_path / "x.npy", array)
    assert main(["run", str(bundles["host"]), "--input", str(tmp_path / "x.npy")]) == 2
    error = capfd.readouterr().err
    assert says in error and "1x3x16x16 float32" in error and error.count("\n") == 1, error


def test_a_bundle_for_another_architecture_is_refused(
    bundles: dict[str, Path], capfd: pytest.CaptureFixture[str]
) -> None:
    if platform.machine() == "aarch64":
        pytest.skip("this machine runs the Raspberry Pi's bundle")
    assert main(["run", str(bundles["raspberry-pi-4b"]), "--check"]) == 2
    error = capfd.readouterr().err
    assert "aarch64" in error and "--board emulated" in error and error.count("\n") == 1


def test_a_flipped_byte_is_refused(
    bundles: dict[str, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    content = bytearray(bundles["host"].read_bytes())
    content[len(content) // 2] ^= 1
    damaged = tmp_path / "damaged.tvmedge"
    damaged.write_bytes(content)
    assert main(["run", str(damaged), "--check"]) == 5
    error = capfd.readouterr().err
    assert "damaged.tvmedge" in error and error.count("\n") == 1


def test_a_host_bundle_that_needs_a_feature_this_cpu_lacks(
    bundles: dict[str, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    import dataclasses

    target = read_bundle(bundles["host"]).manifest.target
    needy = dataclasses.replace(target, features=(*target.features, "quantumvec"))
    path = _rewrite(bundles["host"], tmp_path / "needy.tvmedge", target=needy)
    assert main(["run", str(path), "--check"]) == 2
    error = capfd.readouterr().err
    assert "quantumvec" in error and error.count("\n") == 1


def test_code_that_crashes_is_one_sentence_and_exit_4(
    bundles: dict[str, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    from tvmedge.device.zig import zig_cc
    from tvmedge.targeting import target

    (tmp_path / "crash.c").write_text(
        "__attribute__((constructor)) void f(void) { *(volatile int *)0 = 1; }\n"
    )
    library = tmp_path / "crash.so"
    triple = target("host").toolchain.triple
    arguments = ["-target", triple, "-shared", "-o", str(library), str(tmp_path / "crash.c")]
    zig_cc(arguments, "a library that crashes")
    path = _rewrite(bundles["host"], tmp_path / "crash.tvmedge", library=library.read_bytes())
    assert main(["run", str(path), "--check"]) == 4
    error = capfd.readouterr().err
    assert "SIG" in error and "local" in error and error.count("\n") == 1, error


def test_the_python_api_mirrors_the_verbs(tmp_path: Path) -> None:
    import tvmedge
    from tests.onnx_models import save

    model = tvmedge.load(save(conv_net(), tmp_path / "net.onnx"))
    path = tmp_path / "net.tvmedge"
    tvmedge.write_bundle(path, tvmedge.compile(model, tvmedge.target("host")))
    report = tvmedge.run(path, tvmedge.RunRequest(inputs=("random",), check=True))
    assert report.outputs is not None and report.outputs["out/0"].shape == (1, 128)
    assert report.check is not None and report.check.ok
    assert tvmedge.profile(path, tvmedge.Repetition(2)).check.ok
