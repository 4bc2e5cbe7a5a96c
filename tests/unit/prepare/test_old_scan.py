"""The Scan of opset 8, over batches."""

from __future__ import annotations

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator
from onnx_ir.passes import Sequential

from tests.onnx_models import model, tensor
from tvmedge.errors import InputError
from tvmedge.model.prepare.convert_opset import ConvertOpset
from tvmedge.model.prepare.old_scan import OldScan


def _sums(batch: int | str, *, lengths: bool = False, back: int = 0) -> onnx.ModelProto:
    """Running sums of the difference of two sequences, the second perhaps from its end."""
    body = helper.make_graph(
        [
            helper.make_node("Sub", ["a", "b"], ["d"]),
            helper.make_node("Add", ["s", "d"], ["t"]),
            helper.make_node("Identity", ["t"], ["u"]),
        ],
        "b",
        [tensor("s", [4]), tensor("a", [4]), tensor("b", [4])],
        [tensor("t", [4]), tensor("u", [4])],
    )
    node = helper.make_node(
        "Scan",
        ["n" if lengths else "", "s0", "x", "z"],
        ["y", "sums"],
        body=body,
        num_scan_inputs=2,
        directions=[0, back],
    )
    declared = [tensor("s0", [batch, 4]), tensor("x", [batch, 3, 4]), tensor("z", [batch, 3, 4])]
    if lengths:
        declared.append(tensor("n", [batch], TensorProto.INT64))
    outputs = [tensor("y", [batch, 4]), tensor("sums", [batch, 3, 4])]
    return model([node], declared, outputs, opset=8)


@pytest.mark.parametrize("back", [0, 1])
def test_every_row_of_the_batch_is_scanned(back: int) -> None:
    rng = np.random.default_rng(back)
    sizes = {"s0": (2, 4), "x": (2, 3, 4), "z": (2, 3, 4)}
    feeds = {name: rng.normal(size=size).astype(np.float32) for name, size in sizes.items()}
    proto = _sums(2, back=back)
    result = Sequential(OldScan(), ConvertOpset())(ir.serde.deserialize_model(proto))
    after = ir.serde.serialize_model(result.model)
    onnx.checker.check_model(after)
    y, sums = ReferenceEvaluator(after).run(None, feeds)
    second = feeds["z"][:, ::-1] if back else feeds["z"]
    want = feeds["s0"][:, None] + np.cumsum(feeds["x"] - second, axis=1)
    np.testing.assert_allclose(np.asarray(sums), want, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(np.asarray(y), want[:, -1], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("proto", [_sums("N"), _sums(2, lengths=True), _sums(1 << 20)])
def test_what_cannot_be_written_out_is_refused(proto: onnx.ModelProto) -> None:
    with pytest.raises(Exception, match="Scan of an opset before 9") as caught:
        OldScan()(ir.serde.deserialize_model(proto))
    assert isinstance(caught.value.__cause__ or caught.value, InputError)
