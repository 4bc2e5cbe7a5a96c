"""TfIdfVectorizer as comparisons."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

from tests.onnx_models import model, tensor
from tvmedge.errors import InputError
from tvmedge.model.prepare.operators.tf_idf import TfIdfVectorizer

POOL: dict[str, Any] = {
    "pool_int64s": [1, 2, 3, 1, 2, 2, 1, 3, 3, 1, 2, 3],
    "ngram_counts": [0, 3, 9],
}
GRAMS = [(1,), (2,), (3,), (1, 2), (2, 1), (3, 3), (1, 2, 3)]
WEIGHTS = [0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0]


def _run(x: np.ndarray, **attributes: Any) -> np.ndarray:
    node = helper.make_node("TfIdfVectorizer", ["x"], ["y"], **(POOL | attributes))
    kind = helper.np_dtype_to_tensor_dtype(x.dtype)
    proto = model([node], [tensor("x", x.shape, kind)], [tensor("y", [None] * x.ndim)], opset=18)
    result = TfIdfVectorizer()(ir.serde.deserialize_model(proto))
    assert result.modified
    (y,) = ReferenceEvaluator(ir.serde.serialize_model(result.model)).run(None, {"x": x})
    return np.asarray(y)


def _found(row: list[int], shortest: int, longest: int, skips: int) -> Counter[tuple[int, ...]]:
    found: Counter[tuple[int, ...]] = Counter()
    for length in range(shortest, longest + 1):
        for step in range(1, skips + 2 if length > 1 else 2):
            for start in range(len(row) - (length - 1) * step):
                found[tuple(row[start : start + (length - 1) * step + 1 : step])] += 1
    return found


@given(
    rows=st.lists(st.lists(st.integers(0, 4), min_size=5, max_size=5), min_size=1, max_size=3),
    lengths=st.sampled_from([(1, 1), (1, 2), (2, 2), (2, 3), (1, 3), (3, 3)]),
    skips=st.integers(0, 5),
    columns=st.permutations(range(9)),
    mode=st.sampled_from(["TF", "IDF", "TFIDF"]),
)
def test_it_counts(
    rows: list[list[int]], lengths: tuple[int, int], skips: int, columns: list[int], mode: str
) -> None:
    places = columns[: len(GRAMS)]
    got = _run(
        np.array(rows, np.int32),
        min_gram_length=lengths[0],
        max_gram_length=lengths[1],
        max_skip_count=skips,
        ngram_indexes=places,
        weights=WEIGHTS,
        mode=mode,
    )
    want = np.zeros((len(rows), max(places) + 1), np.float32)
    for line, row in zip(want, rows, strict=True):
        found = _found(row, *lengths, skips)
        for gram, place, weight in zip(GRAMS, places, WEIGHTS, strict=True):
            count = min(found[gram], 1) if mode == "IDF" else found[gram]
            line[place] = count * (1 if mode == "TF" else weight)
    np.testing.assert_array_equal(got, want)


def test_n_grams_that_share_a_place_are_added() -> None:
    x = np.array([1, 2, 1], np.int64)
    places = [0, 0, 2, 1, 1, 1, 1]
    how = {"min_gram_length": 1, "max_gram_length": 2, "max_skip_count": 0, "mode": "TFIDF"}
    got = _run(x, ngram_indexes=places, weights=WEIGHTS, **how)
    np.testing.assert_array_equal(got, [2 * 0.5 + 1, 3 + 4, 0])


def test_a_pool_with_an_n_gram_twice_is_refused() -> None:
    how = {"min_gram_length": 1, "max_gram_length": 1, "max_skip_count": 0, "mode": "TF"}
    twice: dict[str, Any] = {"pool_int64s": [1, 1], "ngram_counts": [0], "ngram_indexes": [0, 1]}
    with pytest.raises(InputError, match="stands in its pool twice"):
        _run(np.zeros(3, np.int64), **how, **twice)


def test_strings_stay() -> None:
    node = helper.make_node(
        "TfIdfVectorizer",
        ["x"],
        ["y"],
        pool_strings=["a"],
        ngram_counts=[0],
        ngram_indexes=[0],
        min_gram_length=1,
        max_gram_length=1,
        max_skip_count=0,
        mode="TF",
    )
    text = tensor("x", [3], TensorProto.STRING)
    proto = model([node], [text], [tensor("y", [1])], opset=18)
    assert not TfIdfVectorizer()(ir.serde.deserialize_model(proto)).modified
