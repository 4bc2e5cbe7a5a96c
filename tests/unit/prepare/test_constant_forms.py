"""Constant in all its forms."""

from __future__ import annotations

from typing import Any

import pytest
from onnx import TensorProto, helper

from tests.onnx_models import FLOAT, INT64, model
from tests.onnx_rewrites import check_rewrite
from tvmedge.model.prepare.expansions.constant_forms import ConstantForms


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("value_float", 0.5, FLOAT),
        ("value_floats", [0.5, 2.0], FLOAT),
        ("value_int", -3, INT64),
        ("value_ints", [1, 2], INT64),
    ],
)
def test_numbers(name: str, value: Any, kind: int) -> None:
    node = helper.make_node("Constant", [], ["y"], **{name: value})
    declared = helper.make_tensor_value_info("y", kind, [2] if isinstance(value, list) else [])
    check_rewrite(ConstantForms(), model([node], [], [declared]), {})


def test_text_stays() -> None:
    node = helper.make_node("Constant", [], ["y"], value_string="a")
    declared = helper.make_tensor_value_info("y", TensorProto.STRING, [])
    with pytest.raises(AssertionError):
        check_rewrite(ConstantForms(), model([node], [], [declared]), {})
