"""A slice of ONNX's backend suite, and the harness that runs all of it."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from scripts import onnx_suite
from scripts.suite import pool
from scripts.suite.binding import attribute_inputs, bind
from scripts.suite.cases import Case
from scripts.suite.judge import CRASH, OURS, PASS, THEIRS, TIMEOUT, Verdict
from scripts.suite.pool import Job, Limits, run_all
from scripts.suite.progress import add_progress, read_progress
from tests.onnx_models import model, tensor

# One case an operator family that must pass; the whole suite is scripts/onnx_suite.py.
_NAMES = """
test_abs test_add_bcast test_and_bcast3v1d test_argmax_keepdims_random test_averagepool_2d_pads
test_basic_conv_with_padding test_batchnorm_example test_bitwise_and_i32_2d
test_cast_FLOAT_to_DOUBLE test_cast_FLOAT_to_INT4 test_castlike_FLOAT_to_BFLOAT16
test_ceil test_celu_bfloat16 test_clip_example test_concat_2d_axis_0
test_constantofshape_float_ones test_convtranspose_pad test_cumsum_2d_axis_0 test_div_bcast
test_dropout_default test_elu test_equal_bcast test_erf test_expand_dim_changed
test_flatten_axis1 test_gather_0 test_gather_elements_0 test_gathernd_example_float32
test_gelu_tanh_1 test_gemm_all_attributes test_globalaveragepool test_greater_equal_bcast
test_group_normalization_example test_hardsigmoid test_instancenorm_example test_isnan
test_leakyrelu test_logsoftmax_axis_1 test_matmul_3d test_maxpool_2d_strides test_mean_example
test_not_4d test_pow_bcast_array test_prelu_broadcast test_range_float_type_positive_delta
test_reduce_max_empty_set test_reduce_mean_keepdims_random test_reduce_sum_keepdims_random
test_reshape_reordered_all_dims
test_scatternd test_selu test_shape test_sigmoid test_slice test_softmax_large_number
test_split_equal_parts_1d_opset13 test_squeeze test_sub_uint8 test_tanh test_tile test_top_k
test_transpose_all_permutations_3 test_tril test_unsqueeze_two_axes test_where_example
test_Conv2d_groups test_Linear test_operator_mm test_expand_shape_model2
"""
SLICE = _NAMES.split()


def test_the_slice_passes(tmp_path: Path) -> None:
    only = f"^({'|'.join(SLICE)})$"
    progress = tmp_path / "verdicts"
    command = [sys.executable, onnx_suite.__file__, "--only", only, "--resume", str(progress)]
    done = subprocess.run(
        [*command, "--runtimes", OURS], capture_output=True, text=True, check=False
    )
    verdicts = {name: verdict for name, _, verdict in read_progress(progress)}
    assert {n: v for n, v in verdicts.items() if v.outcome != PASS} == {}
    assert verdicts.keys() == set(SLICE)
    assert done.returncode == 0, done.stderr


def _case(name: str) -> Case:
    node = helper.make_node("Reshape", ["x", "shape"], ["y"])
    shape = helper.make_tensor_value_info("shape", onnx.TensorProto.INT64, [1])
    proto = model([node], [tensor("x", [2, 2]), shape], [tensor("y", [4])])
    return Case(name, "node", proto, (), 1e-3, 1e-7)


def _judge(case: Case, runtime: str, bindable: tuple[str, ...]) -> Verdict:
    """Stands in for compiling and running, by the case's name."""
    if runtime == OURS and case.name == "crashes":
        signal.signal(signal.SIGSEGV, signal.SIG_DFL)  # PoCL of an earlier test has a handler
        signal.raise_signal(signal.SIGSEGV)  # of this thread: another would let this one go on
    if runtime == OURS and case.name == "hangs":
        time.sleep(60)
    if runtime == OURS and case.name == "eats":
        np.ones(1 << 40)
    return Verdict(PASS)


@pytest.fixture
def outcomes(monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[tuple[str, str], Verdict]]:
    """Verdicts of cases that behave as their names say."""
    monkeypatch.setattr(pool, "judge", _judge)

    def run(*names: str, seconds: float = 20.0) -> dict[tuple[str, str], Verdict]:
        jobs = [Job(_case(name), ()) for name in names]
        limits = Limits(jobs=2, seconds=seconds)
        return {(case.name, at): verdict for case, at, verdict in run_all(jobs, limits)}

    return run


def test_a_crash_is_the_cases_own(
    outcomes: Callable[..., dict[tuple[str, str], Verdict]],
) -> None:
    found = outcomes("fine", "crashes", "eats", "good")
    assert found["crashes", OURS].outcome == CRASH
    assert found["crashes", OURS].reason.startswith("SIGSEGV")
    assert found["eats", OURS].outcome == CRASH
    others = {verdict.outcome for (name, at), verdict in found.items() if at == THEIRS}
    assert others == {PASS} and found["good", OURS].outcome == PASS
    assert len(found) == 8


def test_a_hang_ends_at_the_limit(
    outcomes: Callable[..., dict[tuple[str, str], Verdict]],
) -> None:
    found = outcomes("hangs", "fine", seconds=1.0)
    assert found["hangs", OURS].outcome == TIMEOUT
    assert found["hangs", THEIRS].outcome == found["fine", OURS].outcome == PASS


def test_attribute_inputs_become_constants() -> None:
    case = _case("reshape")
    assert attribute_inputs(case, case) == ("shape",)
    bound = bind(case.model, {"shape": np.array([4])})
    assert [info.name for info in bound.graph.input] == ["x"]
    (constant,) = bound.graph.initializer
    assert numpy_helper.to_array(constant).tolist() == [4]
    assert len(case.model.graph.input) == 2


def test_progress_is_read_back(tmp_path: Path) -> None:
    verdict = Verdict("refused", "no 'x'\nhere", ("axes",))
    add_progress(tmp_path / "p", "test_x", OURS, verdict)
    add_progress(None, "test_y", OURS, verdict)
    assert list(read_progress(tmp_path / "p")) == [("test_x", OURS, verdict)]
    assert list(read_progress(tmp_path / "none")) == []
