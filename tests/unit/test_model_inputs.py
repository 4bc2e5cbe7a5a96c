"""The ``--input`` flag: NAME:SHAPE and NAME=VALUE."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tvmedge.errors import InputError
from tvmedge.model.inputs import OpenDim, parse_inputs
from tvmedge.types import Bounds


def test_names_may_hold_colons_and_a_scalar_has_no_dimensions() -> None:
    assert parse_inputs(["input:0:1x3x8x8", "n:", "v:7", "w:2,3"]).shapes == {
        "input:0": (1, 3, 8, 8),
        "n": (),
        "v": (7,),
        "w": (2, 3),
    }


@given(
    st.text(min_size=1).filter(lambda name: name.strip()),
    st.lists(st.integers(0, 2**31 - 1), max_size=6),
    st.sampled_from("x,"),
)
def test_what_is_written_is_read_back(name: str, shape: list[int], separator: str) -> None:
    flag = f"{name}:{separator.join(map(str, shape))}"
    assert parse_inputs([flag]).shapes == {name: tuple(shape)}


@pytest.mark.parametrize(
    ("flag", "says"),
    [
        ("x", "no shape"),
        (":1x2", "no shape"),
        ("x:1x-2", "dimension '-2'"),
        ("x:8..1x3", "dimension '8..1'"),
        ("x:0..1x3", "dimension '0..1'"),
        ("x:N=x3", "dimension 'N='"),
        ("x:1xx3", "dimension ''"),
        ("x:99999999999999", "dimension '99999999999999'"),
    ],
)
def test_bad_flags(flag: str, says: str) -> None:
    with pytest.raises(InputError, match="--input") as caught:
        parse_inputs([flag])
    assert says in str(caught.value)


def test_open_dimensions_are_symbols_and_ranges() -> None:
    assert parse_inputs(["a:Nx3", "b:1..8x3", "c:N=2..4,max,3"]).shapes == {
        "a": (OpenDim("N"), 3),
        "b": (OpenDim("", Bounds(1, 8)), 3),
        "c": (OpenDim("N", Bounds(2, 4)), OpenDim("max"), 3),
    }


def test_an_input_given_twice() -> None:
    with pytest.raises(InputError, match="given twice"):
        parse_inputs(["x:1", "x:2"])


def test_values() -> None:
    given_inputs = parse_inputs(
        ["sr=16000", "input:0=[1, 2]", "a=true", "b=-1.5e3", "c=x/y.npy", "x:N=1..8x3", "y=z:2"]
    )
    assert given_inputs.values == {
        "sr": 16000,
        "input:0": [1, 2],
        "a": True,
        "b": -1500.0,
        "c": Path("x/y.npy"),
    }
    assert given_inputs.shapes == {"x": (OpenDim("N", Bounds(1, 8)), 3), "y=z": (2,)}


@given(
    st.text(min_size=1).filter(lambda name: "=" not in name),
    st.recursive(
        st.integers() | st.floats(allow_nan=False), lambda inner: st.lists(inner, max_size=3)
    ),
)
def test_values_are_read_back(name: str, value: object) -> None:
    assert parse_inputs([f"{name}={json.dumps(value)}"]).values == {name: value}


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["sr=abc"], "'abc' is not a number"),
        (["sr="], "'' is not a number"),
        (['sr={"a": 1}'], "is not a number"),
        (["sr=null"], "'null' is not a number"),
        (["sr=[" + "[" * 100_000], "is not a number"),
        (["=3"], "no shape or value"),
        (["sr=1", "sr=2"], "is given twice"),
        (["sr=1", "sr:"], "is given a shape and a value"),
        (["sr:", "sr=1"], "is given a shape and a value"),
    ],
)
def test_bad_values(flags: list[str], says: str) -> None:
    with pytest.raises(InputError, match="--input") as caught:
        parse_inputs(flags)
    assert says in str(caught.value)
