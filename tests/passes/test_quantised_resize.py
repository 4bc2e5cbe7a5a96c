"""Images resized between pixels stay integers, bit for bit numpy's."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from tests.quantised_graphs import INTEGER_CORES
from tests.quantised_resize import resized

CASES = [
    ((7, 7), (14, 14), "half_pixel"),
    ((8, 6), (12, 15), "half_pixel"),
    ((9, 7), (4, 5), "half_pixel"),
    ((5, 6), (9, 16), "align_corners"),
    ((5, 6), (15, 11), "asymmetric"),
]


@pytest.mark.parametrize("core", ["avx2", "neon"])
@pytest.mark.parametrize(("size", "to", "how"), CASES)
def test_resized_between_pixels(
    core: str,
    size: tuple[int, int],
    to: tuple[int, int],
    how: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    case = resized(32, size, to, how)
    with caplog.at_level(logging.WARNING):
        result, _ = case.model.run(case.output, INTEGER_CORES[core])
    assert "run in float32" not in caplog.text
    np.testing.assert_array_equal(result, case.expected)
