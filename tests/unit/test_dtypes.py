"""Types by name, what carries them, and which numbers they have."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tvmedge import dtypes

_NARROW = ["int2", "uint2", "int4", "uint4"]


@pytest.mark.parametrize("name", sorted(dtypes.NAMES))
def test_every_type_has_a_carrier(name: str) -> None:
    kind = dtypes.carrier(name)
    assert kind.name == (name if name not in _NARROW else f"{name[:-1]}8")
    assert dtypes.is_float(name) == ("float" in name)
    assert dtypes.carrier(name) == dtypes.carrier(kind.name)


def test_other_names_are_no_types() -> None:
    for name in ("float8_e5m2", "str", "", "V2"):
        with pytest.raises(ValueError, match="is no type"):
            dtypes.carrier(name)


@given(st.sampled_from(_NARROW), st.integers(-20, 20))
def test_limits_are_those_of_the_type(name: str, number: int) -> None:
    kind = np.dtype(getattr(ml_dtypes, name))
    held = int(np.array(number).astype(kind)) == number
    carried = np.array([[0, number]], np.int16)
    assert (dtypes.out_of_range(name, carried) is None) == held
    assert held or dtypes.out_of_range(name, carried) == number
    if held:
        array = dtypes.carried(carried.astype(kind))
        assert array.dtype == dtypes.carrier(name)
        assert array.tolist() == [[0, number]]


def test_only_narrow_integers_have_limits() -> None:
    assert dtypes.limits("int4") == (-8, 7)
    assert dtypes.limits("int8") is dtypes.limits("bfloat16") is None
    assert dtypes.out_of_range("int8", np.array([99], np.int8)) is None
    assert dtypes.out_of_range("int4", np.empty(0, np.int8)) is None
    same = np.ones(2, ml_dtypes.bfloat16)
    assert dtypes.carried(same) is same
