"""Small valid models that mutants are made of: every kind of construct, few kernels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper, parser

_CNN = """<ir_version: 8, opset_import: ["" : 13], producer_name: "seed">
g (float[1,3,8,8] x) => (float[1,4] y)
<float[4,3,3,3] w, float[4] b, float[4] s, float[4] m, float[4] v, float[4,4] f> {
  c = Conv <pads = [1,1,1,1], strides = [2,2], kernel_shape = [3,3]> (x, w, b)
  n = BatchNormalization <epsilon = 0.001> (c, s, b, m, v)
  r = Relu (n)
  p = MaxPool <kernel_shape = [2,2], strides = [2,2]> (r)
  a = GlobalAveragePool (p)
  l = Flatten <axis = 1> (a)
  e = Gemm <alpha = 0.5, transB = 1> (l, f, b)
  y = Softmax <axis = -1> (e)
}"""

_ATTENTION = """<ir_version: 8, opset_import: ["" : 17]>
g (float[1,4,8] x) => (float[1,4,8] y)
<float[8,8] q, float[8] s, int64[4] h = {0,0,2,4}, int64[3] o = {0,0,-1}, int64[1] i = {2}> {
  a = MatMul (x, q)
  r = Reshape (a, h)
  t = Transpose <perm = [0,2,1,3]> (r)
  k = Transpose <perm = [0,2,3,1]> (r)
  d = MatMul (t, k)
  p = Softmax <axis = -1> (d)
  c = MatMul (p, t)
  u = Transpose <perm = [0,2,1,3]> (c)
  z = Shape (x)
  j = Gather <axis = 0> (z, i)
  f = Reshape (u, o)
  n = LayerNormalization <axis = -1> (f, s, s)
  y = Add (n, x)
}"""

_CONTROL = """<ir_version: 8, opset_import: ["" : 16]>
g (bool c, float[2,3] x, int64 m) => (float[2,3] y, float[2,3] z) {
  t = If (c) <then_branch = a () => (float[2,3] p) { p = Relu (x) },
              else_branch = b () => (float[2,3] q) { q = Neg (x) }>
  k = Constant <value = bool {1}> ()
  n = Constant <value_int = 3> ()
  y = Loop (n, k, t) <body = l (int64 i, bool w, float[2,3] s) => (bool v, float[2,3] u)
       { v = Identity (w)  u = Add (s, x) }>
  z = Add (y, t)
}"""

_RECURRENT = """<ir_version: 8, opset_import: ["" : 14]>
g (float[3,1,4] x) => (float[3,1,2] y, float[1,1,2] h)
<float[1,8,4] w, float[1,8,2] r, float[1,16] b, int64[1] a = {1}> {
  s, h, c = LSTM <hidden_size = 2, direction = "forward"> (x, w, r, b)
  y = Squeeze (s, a)
}"""

_QUANTISED = """<ir_version: 8, opset_import: ["" : 13]>
g (float[1,3,6,6] x) => (float[1,2,4,4] y)
<float s = {0.02}, uint8 z = {128}, int8[2,3,3,3] w, float t = {0.01}, int8 u = {0}> {
  q = QuantizeLinear (x, s, z)
  d = DequantizeLinear (q, s, z)
  v = DequantizeLinear (w, t, u)
  c = Conv (d, v)
  p = QuantizeLinear (c, s, z)
  y = DequantizeLinear (p, s, z)
}"""

_SHAPES = """<ir_version: 10, opset_import: ["" : 21]>
g (float[1,2,4,4] x, int64[2] i) => (float[1,2,8,8] y, float[2,2] v, int64[2,2] k, float[?] o)
<int64[4] a = {0,0,1,1}, int64[4] e = {1,2,3,3}, float[4] f = {1.,1.,4.,4.}, int64[1] n = {2},
 int64[2] h = {2,16}, int64[3] t = {1,2,2}, int64 zero = {0}, int64 four = {4}, int64 one = {1}> {
  s = Slice (x, a, e)
  y = Resize <mode = "nearest"> (s, , f)
  r = Reshape <allowzero = 0> (x, h)
  v, k = TopK <axis = 1, largest = 1> (r, n)
  g1 = Gather <axis = 1> (r, i)
  c = ConstantOfShape <value = float[1] {2.0}> (t)
  p = Expand (c, t)
  d = Tile (p, t)
  m = ReduceSum <keepdims = 0> (d)
  j = Range (zero, four, one)
  jf = Cast <to = 1> (j)
  w = Concat <axis = 0> (jf, jf)
  o = Mul (w, m)
}"""

_OLD = """<ir_version: 3, opset_import: ["" : 9]>
g (float[1,2,4,4] x) => (float[1,2,4,4] y) {
  s = Slice <axes = [2,3], starts = [1,1], ends = [3,3]> (x)
  f = Constant <value = float[4] {1.,1.,2.,2.}> ()
  u = Upsample <mode = "nearest"> (s, f)
  c = Clip <min = 0.0, max = 6.0> (u)
  p = Pad <pads = [0,0,0,0,0,0,0,0], value = 1.0> (c)
  d = Dropout <ratio = 0.5> (p)
  q = Squeeze <axes = [0]> (d)
  a = Unsqueeze <axes = [0]> (q)
  m = ReduceMean <axes = [1], keepdims = 1> (a)
  y = Sub (a, m)
}"""

_FUNCTION = """<ir_version: 8, opset_import: ["" : 17, "own" : 1]>
g (float[N,4] x) => (float[N,4] y) { t = own.twice <k = 2.0> (x)  y = own.outer (t) }
<domain: "own", opset_import: ["" : 17]>
twice <k> (a) => (b) { c = Constant <value_float: float = @k> ()  b = Mul (a, c) }
<domain: "own", opset_import: ["" : 17, "own" : 1]>
outer (a) => (b) { c = own.twice <k = 3.0> (a)  b = Sigmoid (c) }
"""

_TEXTS: Mapping[str, str] = {
    "cnn": _CNN,
    "attention": _ATTENTION,
    "control": _CONTROL,
    "recurrent": _RECURRENT,
    "quantised": _QUANTISED,
    "shapes": _SHAPES,
    "old": _OLD,
    "function": _FUNCTION,
}


@cache
def seeds(suite: bool) -> tuple[tuple[str, Callable[[], onnx.ModelProto]], ...]:
    """Names and makers; with ``suite`` the models that onnx's package carries too."""
    own = [(name, lambda name=name: _own(name)) for name in _TEXTS]
    if not suite:
        return tuple(own)
    folder = Path(onnx.__file__).parent / "backend/test/data"
    paths = [
        path
        for kind in ("simple", "pytorch-operator", "pytorch-converted")
        for path in sorted((folder / kind).glob("*/model.onnx"))
        if path.stat().st_size < 1 << 16
    ]
    return (*own, *((p.parent.name, lambda p=p: onnx.load(p)) for p in paths))


def _own(name: str) -> onnx.ModelProto:
    """The parsed text; weights without values, which the parser leaves in
    value_info, become random ones."""
    proto = parser.parse_model(_TEXTS[name])
    rng = np.random.default_rng(1)
    for value in proto.graph.value_info:
        tensor = value.type.tensor_type
        dtype = helper.tensor_dtype_to_np_dtype(tensor.elem_type)
        array = rng.uniform(0.1, 2, [dim.dim_value for dim in tensor.shape.dim]).astype(dtype)
        proto.graph.initializer.append(numpy_helper.from_array(array, value.name))
    del proto.graph.value_info[:]
    return proto
