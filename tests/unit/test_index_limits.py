"""Which inputs index a table, and of how many rows."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from tvmedge.model.index_limits import index_limits


def limits(text: str, **tables: tuple[int, ...]) -> dict[str, int]:
    graph = onnx.parser.parse_graph(
        f"g (int64[4] i, int64[4] j, bool b) => (float[4] y) {{{text}}}"
    )
    for name, shape in tables.items():
        graph.initializer.append(onnx.numpy_helper.from_array(np.zeros(shape, np.float32), name))
    return index_limits(graph)


@pytest.mark.parametrize(
    ("text", "tables", "expected"),
    [
        ("y = Gather (t, i)", {"t": (2, 9)}, {"i": 2}),
        ("y = Gather <axis = 1> (t, i)", {"t": (2, 9)}, {"i": 9}),
        ("y = Gather <axis = -1> (t, i)", {"t": (2, 9)}, {"i": 9}),
        ("k = Cast <to = 6> (i) l = Unsqueeze (k, a) y = Gather (t, l)", {"t": (5,)}, {"i": 5}),
        ("k = Concat <axis = 0> (i, j) y = Gather (t, k)", {"t": (5,)}, {"i": 5, "j": 5}),
        ("z = Gather (t, i) y = Gather (u, i)", {"t": (7,), "u": (3,)}, {"i": 3}),
        ("d = DequantizeLinear (t, s) y = Gather (d, i)", {"t": (6,), "s": ()}, {"i": 6}),
        ("t = Constant <value = float[3] {1, 2, 3}> () y = Gather (t, i)", {}, {"i": 3}),
        # Found where nothing is looked up, or where nobody knows in what.
        ("k = Add (i, j) y = Gather (t, k)", {"t": (5,)}, {}),
        ("y = Gather (i, j)", {}, {}),
        ("y = Gather (t, i)", {"t": (0, 3)}, {}),
        ("y = Gather <axis = 5> (t, i)", {"t": (5,)}, {}),
    ],
)
def test_limits(text: str, tables: dict[str, tuple[int, ...]], expected: dict[str, int]) -> None:
    assert limits(text, **tables) == expected


def test_a_lookup_in_a_branch_counts() -> None:
    text = """y = If (b) <
      then_branch = p () => (float[4] u) {u = Gather (t, i)},
      else_branch = q () => (float[4] v) {v = Gather (t, j)}>"""
    assert limits(text, t=(4,)) == {"i": 4, "j": 4}
