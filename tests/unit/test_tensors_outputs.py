"""Outputs come back under their names; the error measure is what it says."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tvmedge.dtypes import carrier
from tvmedge.errors import InputError, ToolError
from tvmedge.tensors import max_normalised_error, write_outputs
from tvmedge.tensors.compare import FAINT, is_faint

ODD_NAMES = [
    "y",
    "/head/out:0",
    "a/b/",
    "",
    "file",
    "x.npy",
    "预测",
    "C:\\x",
    "a=b",
    " ",
    ".",
    "\n",
]


def test_names_come_back(tmp_path: Path) -> None:
    outputs = {name: np.full((2, i), i, np.float32) for i, name in enumerate(ODD_NAMES)}
    outputs["scalar"] = np.array(3)
    write_outputs(tmp_path / "y.npz", outputs)
    with np.load(tmp_path / "y.npz") as got:
        assert got.files == list(outputs)
        for name, want in outputs.items():
            np.testing.assert_array_equal(got[name], want, strict=True)


def test_bfloat16_is_written_as_float32(tmp_path: Path) -> None:
    want = np.array([1.5, -np.inf, np.nan], np.float32)
    write_outputs(tmp_path / "y.npz", {"y": want.astype(carrier("bfloat16"))})
    with np.load(tmp_path / "y.npz") as got:
        np.testing.assert_array_equal(got["y"], want, strict=True)


def test_errors_of_bfloat16_are_measured() -> None:
    kind = carrier("bfloat16")
    want = np.array([np.nan, np.inf, 2, -4], kind)
    assert max_normalised_error(want.copy(), want) == 0
    assert max_normalised_error(np.array([np.nan, np.inf, 2, -3], kind), want) == 0.25
    assert max_normalised_error(np.array([0, np.inf, 2, -4], kind), want) == math.inf


def test_faint_references_are_divided_by_no_less_than_told() -> None:
    want = np.array([1e-8, 0], np.float32)
    got = np.array([2e-8, 0], np.float32)
    assert max_normalised_error(got, want) == pytest.approx(1)
    assert max_normalised_error(got, want, FAINT) == pytest.approx(1e-5)
    assert max_normalised_error(got + np.float32(1e-6), want, FAINT) > 1e-4
    assert is_faint(want) and not is_faint(np.array([0, 0.5])) and not is_faint(np.zeros(2, int))
    assert not is_faint(np.array([np.nan]))


@given(st.dictionaries(st.text(), st.integers(), max_size=5))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_name_comes_back_or_is_refused(tmp_path: Path, values: dict[str, int]) -> None:
    try:
        write_outputs(tmp_path / "y.npz", {name: np.array(str(x)) for name, x in values.items()})
    except InputError:
        assert any(".." in name or "\0" in name or f"{name}.npy" in values for name in values)
        return
    with np.load(tmp_path / "y.npz") as got:
        assert {name: int(got[name].item()) for name in got.files} == values


@pytest.mark.parametrize("name", ["..", "../up", "a/../../b", "a\\..\\b", "x\0y", "n" * 70_000])
def test_names_that_escape_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="not safe"):
        write_outputs(tmp_path / "y.npz", {name: np.zeros(1)})
    assert list(tmp_path.iterdir()) == []


def test_names_that_numpy_confuses_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"'a' and 'a.npy'"):
        write_outputs(tmp_path / "y.npz", {"a": np.zeros(1), "a.npy": np.ones(1)})


def test_same_outputs_give_the_same_bytes(tmp_path: Path) -> None:
    array = np.arange(6.0).reshape(2, 3)
    write_outputs(tmp_path / "one.npz", {"y": array})
    write_outputs(tmp_path / "two.npz", {"y": np.asfortranarray(array)})
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()


def test_a_failure_leaves_the_old_file(tmp_path: Path) -> None:
    write_outputs(tmp_path / "y.npz", {"y": np.zeros(1)})
    before = (tmp_path / "y.npz").read_bytes()
    with pytest.raises(ValueError, match="pickle"):
        write_outputs(tmp_path / "y.npz", {"y": np.zeros(1), "z": np.array([object()])})
    assert (tmp_path / "y.npz").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1
    with pytest.raises(ToolError):
        write_outputs(tmp_path / "y.npz" / "z.npz", {})


INF, NAN = math.inf, math.nan


@pytest.mark.parametrize(
    ("got", "want", "error"),
    [
        ([1.0, -4.0], [1.0, -4.0], 0.0),
        ([1.0, -3.0], [1.0, -4.0], 0.25),
        ([[1.0]], [1.0], INF),
        ([], [], 0.0),
        ([NAN, 2.0], [NAN, 4.0], 0.5),
        ([NAN, 4.0], [4.0, NAN], INF),
        ([INF, -INF, 1.0], [INF, -INF, 1.0], 0.0),
        ([INF], [-INF], INF),
        ([INF], [NAN], INF),
        ([INF], [1e38], INF),
        ([1e38], [INF], INF),
        ([NAN], [NAN], 0.0),
        ([0.0], [0.0], 0.0),
        ([1e-38], [0.0], 1e-38 / np.finfo(np.float32).tiny),
        ([1.7e308], [-1.7e308], INF),
        ([1], [1], 0.0),
        ([1_000_000], [1_000_001], INF),
        ([2**53 + 1], [2**53], INF),
        ([True, False], [True, False], 0.0),
        ([True, False], [True, True], 1.0),
    ],
)
def test_the_error_measure(got: list[float], want: list[float], error: float) -> None:
    assert max_normalised_error(np.array(got), np.array(want)) == pytest.approx(error)


def test_bytes_are_levels_and_other_integers_are_labels() -> None:
    got, want = np.array([199, 3]), np.array([200, 3])
    assert max_normalised_error(got.astype("uint8"), want.astype("uint8")) == pytest.approx(1 / 200)
    assert max_normalised_error(got.astype("int16"), want.astype("int16")) == INF
    assert max_normalised_error(got.astype("float32"), want) == pytest.approx(1 / 200)


def test_float16_is_compared_in_float64() -> None:
    got, want = np.array([-65504], np.float16), np.array([65504], np.float16)
    assert max_normalised_error(got, want) == 2.0


@given(hnp.arrays("float32", 5), hnp.arrays("float32", 5))
def test_it_is_never_nan_and_zero_only_for_equals(got: np.ndarray, want: np.ndarray) -> None:
    error = max_normalised_error(got, want)
    assert error >= 0
    assert (error == 0) == np.array_equal(got, want, equal_nan=True)
