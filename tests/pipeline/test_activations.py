"""Activation functions, compiled, against the same in extended precision."""

from __future__ import annotations

import numpy as np
import pytest

from tests.operator_runs import node_model, run_compiled


@pytest.mark.parametrize(("dtype", "rtol"), [(np.float32, 4e-7), (np.float64, 1e-15)])
def test_softplus_of_very_negative_numbers(dtype: type, rtol: float) -> None:
    x = np.linspace(-80, 80, 401).astype(dtype)
    (y,) = run_compiled(node_model("Softplus", [x]), [x])
    np.testing.assert_allclose(y, np.logaddexp(0, x.astype(np.longdouble)), rtol=rtol)


def test_softplus_of_infinities_and_nan() -> None:
    x = np.array([np.inf, -np.inf, np.nan], np.float32)
    (y,) = run_compiled(node_model("Softplus", [x]), [x])
    np.testing.assert_array_equal(y, [np.inf, 0, np.nan])
