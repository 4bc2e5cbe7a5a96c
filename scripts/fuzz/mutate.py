"""Ways to damage an ONNX model. Each takes a random source and a model that it may change."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import onnx
from onnx import TensorProto, helper

Mutation = Callable[[random.Random, onnx.ModelProto], None]
ByteMutation = Callable[[random.Random, bytearray], None]

DIMENSIONS = (0, -1, 1, 7, 1 << 16, (1 << 31) - 1, 1 << 31, 1 << 40, (1 << 63) - 1, -(1 << 63))
INTEGERS = (*DIMENSIONS, 2, -2, 100)
FLOATS = (0.0, -1.0, 1e38, -1e38, float("nan"), float("inf"), float("-inf"), 1e-45)
STRINGS = (b"", b"nonsense", b"\xff\xfe", b"a" * 5000, b"SAME_UPPER", b"linear", b"\x1b[2J\n\x00")
NAMES = ("", "x", "y", "/", "a" * 3000, "\u0000", "../../etc/passwd", "\u202e", "x\ny", "main")
_WORDS = """
Add Relu Conv MatMul Reshape Concat Split If Loop Scan LSTM Resize Pad Einsum TopK Cast Range
Expand Tile ConstantOfShape NonZero GatherND ScatterND Squeeze Gemm OneHot Attention QLinearConv
DFT CumSum Unique StringNormalizer SequenceConstruct Optional RandomNormal Nope
"""
OPERATORS = _WORDS.split()


def _graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from _graphs(attribute.g)


def _nodes(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    bodies = [graph.node for graph in _graphs(model.graph)]
    bodies += [function.node for function in model.functions]
    return [node for body in bodies for node in body]


def _tensors(model: onnx.ModelProto) -> list[onnx.TensorProto]:
    found = [tensor for graph in _graphs(model.graph) for tensor in graph.initializer]
    for node in _nodes(model):
        found += [a.t for a in node.attribute if a.type == onnx.AttributeProto.TENSOR]
    return found


def _values(model: onnx.ModelProto) -> list[onnx.ValueInfoProto]:
    graph = model.graph
    return [*graph.input, *graph.output, *graph.value_info]


def _pick(random_: random.Random, items: list[Any]) -> Any:
    return random_.choice(items) if items else None


def drop_node(random_: random.Random, model: onnx.ModelProto) -> None:
    """A node is missing."""
    graph = _pick(random_, list(_graphs(model.graph)))
    if graph.node:
        del graph.node[random_.randrange(len(graph.node))]


def duplicate_node(random_: random.Random, model: onnx.ModelProto) -> None:
    """A node stands twice, once with other outputs or not."""
    graph = _pick(random_, list(_graphs(model.graph)))
    if graph.node:
        copy = graph.node.add()
        copy.CopyFrom(random_.choice(graph.node[:-1] or graph.node))
        if random_.random() < 0.5 and copy.output:
            copy.output[0] += "_again"


def shuffle_nodes(random_: random.Random, model: onnx.ModelProto) -> None:
    """Nodes in another order."""
    nodes = list(model.graph.node)
    random_.shuffle(nodes)
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def rewire(random_: random.Random, model: onnx.ModelProto) -> None:
    """An input comes from elsewhere: cycles, later nodes, nothing at all."""
    nodes = _nodes(model)
    node = _pick(random_, [n for n in nodes if n.input])
    if node is not None:
        names = [name for n in nodes for name in (*n.output, *n.input)]
        names += [tensor.name for tensor in _tensors(model)]
        node.input[random_.randrange(len(node.input))] = random_.choice([*names, "", "nowhere"])


def arity(random_: random.Random, model: onnx.ModelProto) -> None:
    """An input or output more, or less, or a great many."""
    node = _pick(random_, _nodes(model))
    if node is None:
        return
    ports = random_.choice([node.input, node.output])
    if random_.random() < 0.5 and ports:
        del ports[random_.randrange(len(ports))]
    else:
        extra = random_.choice([*ports, "", "more"])
        ports.extend([extra] * random_.choice([1, 2, 300]))


def operator(random_: random.Random, model: onnx.ModelProto) -> None:
    """Another operator, or another domain."""
    node = _pick(random_, _nodes(model))
    if node is not None and random_.random() < 0.7:
        node.op_type = random_.choice([*OPERATORS, *NAMES])
    elif node is not None:
        node.domain = random_.choice(["com.microsoft", "ai.onnx", "ai.onnx.ml", "own", "x\ny"])


def attribute(random_: random.Random, model: onnx.ModelProto) -> None:
    """An attribute's value is absurd."""
    found = _pick(random_, [a for node in _nodes(model) for a in node.attribute])
    if found is None:
        return
    kinds = onnx.AttributeProto
    if found.type == kinds.INT:
        found.i = random_.choice(INTEGERS)
    elif found.type == kinds.INTS and found.ints:
        found.ints[random_.randrange(len(found.ints))] = random_.choice(INTEGERS)
        if random_.random() < 0.3:
            found.ints.extend(random_.choices(INTEGERS, k=random_.choice([1, 5, 500])))
    elif found.type == kinds.FLOAT:
        found.f = random_.choice(FLOATS)
    elif found.type == kinds.FLOATS and found.floats:
        found.floats[0] = random_.choice(FLOATS)
    elif found.type == kinds.STRING:
        found.s = random_.choice(STRINGS)


def attribute_kind(random_: random.Random, model: onnx.ModelProto) -> None:
    """An attribute is of another kind, lost, doubled, renamed or refers to nothing."""
    node = _pick(random_, [n for n in _nodes(model) if n.attribute])
    if node is None:
        return
    found = random_.choice(node.attribute)
    what = random_.randrange(5)
    if what == 0:
        found.type = random_.choice(list(onnx.AttributeProto.AttributeType.values()))
    elif what == 1:
        node.attribute.remove(found)
    elif what == 2:
        node.attribute.add().CopyFrom(found)
    elif what == 3:
        found.name = random_.choice(NAMES)
    else:
        found.ref_attr_name = "nothing"


def new_attribute(random_: random.Random, model: onnx.ModelProto) -> None:
    """A node gets an attribute that its operator may or may not know."""
    node = _pick(random_, _nodes(model))
    names = "axis axes perm group kernel_shape pads dilations strides mode to keepdims k blocksize"
    value = random_.choice([random_.choice(INTEGERS), random_.choices(INTEGERS, k=3), "x", 1.5])
    if node is not None:
        node.attribute.append(helper.make_attribute(random_.choice(names.split()), value))


def dimension(random_: random.Random, model: onnx.ModelProto) -> None:
    """A declared dimension is huge, negative, zero, open, or of another rank."""
    values = [v for v in _values(model) if v.type.tensor_type.shape.dim]
    value = _pick(random_, values)
    if value is None:
        return
    dims = value.type.tensor_type.shape.dim
    what = random_.randrange(4)
    if what == 0:
        dims[random_.randrange(len(dims))].dim_param = random_.choice(["N", *NAMES])
    elif what == 1:
        dims.add().dim_value = random_.choice(DIMENSIONS)
    elif what == 2 and random_.random() < 0.5:
        del dims[0]
    else:
        dims[random_.randrange(len(dims))].dim_value = random_.choice(DIMENSIONS)


def value_type(random_: random.Random, model: onnx.ModelProto) -> None:
    """An input or output has another element type, an unknown one, or is no tensor."""
    value = _pick(random_, _values(model))
    if value is None:
        return
    if random_.random() < 0.2:
        value.type.sequence_type.elem_type.tensor_type.elem_type = TensorProto.FLOAT
    elif random_.random() < 0.2:
        value.ClearField("type")
    else:
        value.type.tensor_type.elem_type = random_.choice([*range(30), 99, -1])


def tensor_type(random_: random.Random, model: onnx.ModelProto) -> None:
    """A weight has another element type, with the bytes it had."""
    tensor = _pick(random_, _tensors(model))
    if tensor is not None:
        tensor.data_type = random_.choice([*range(30), 99, -1])


def tensor_size(random_: random.Random, model: onnx.ModelProto) -> None:
    """A weight's dimensions and its data disagree."""
    tensor = _pick(random_, _tensors(model))
    if tensor is None:
        return
    if tensor.dims and random_.random() < 0.7:
        tensor.dims[random_.randrange(len(tensor.dims))] = random_.choice(DIMENSIONS)
    elif random_.random() < 0.5:
        tensor.dims.append(random_.choice(DIMENSIONS))
    else:
        tensor.raw_data = tensor.raw_data[: len(tensor.raw_data) // 2]


def tensor_content(random_: random.Random, model: onnx.ModelProto) -> None:
    """A weight holds NaN, infinities or numbers nobody expects, consistent in size."""
    tensor = _pick(random_, _tensors(model))
    if tensor is None:
        return
    if tensor.data_type == TensorProto.INT64:
        size = len(tensor.raw_data) // 8 or len(tensor.int64_data)
        tensor.ClearField("raw_data")
        del tensor.int64_data[:]
        tensor.int64_data.extend(random_.choices(INTEGERS, k=size))
    elif tensor.raw_data:
        word = random_.choice([b"\x00\x00\xc0\x7f", b"\x00\x00\x80\x7f", b"\xff\xff\xff\xff"])
        tensor.raw_data = (word * (len(tensor.raw_data) // 4 + 1))[: len(tensor.raw_data)]


def external(random_: random.Random, model: onnx.ModelProto) -> None:
    """A weight claims to lie in another file."""
    tensor = _pick(random_, _tensors(model))
    if tensor is None:
        return
    tensor.data_location = TensorProto.EXTERNAL
    places = ["/etc/passwd", "../m.onnx", "m.onnx", ".", "", "missing", "/dev/zero", "a\x00b", "~"]
    entries = {
        "location": random_.choice(places),
        "offset": random_.choice(["0", "-1", "9999999999999999999999", "x", "8"]),
        "length": random_.choice(["0", "-1", "9999999999999999999999", "x", "64"]),
    }
    for key in random_.sample(sorted(entries), random_.randint(0, 3)):
        tensor.external_data.add(key=key, value=entries[key])


def name(random_: random.Random, model: onnx.ModelProto) -> None:
    """A name is empty, taken, endless or evil."""
    graph = model.graph
    named = [*graph.input, *graph.output, *graph.initializer, *_nodes(model), *model.functions]
    random_.choice([*named, graph]).name = random_.choice(NAMES)
    nodes = [node for node in _nodes(model) if node.output]
    if nodes and random_.random() < 0.3:
        random_.choice(nodes).output[0] = random_.choice(NAMES)


def opset(random_: random.Random, model: onnx.ModelProto) -> None:
    """Opsets and IR versions that never were, or were long ago."""
    what = random_.randrange(4)
    versions = (0, -1, 1, 2, 5, 6, 7, 8, 10, 11, 12, 15, 17, 18, 22, 26, 27, 999, 1 << 62)
    if what == 0:
        model.ir_version = random_.choice(versions)
    elif what == 1:
        del model.opset_import[:]
    elif what == 2:
        model.opset_import.add(domain=random_.choice(["", "own", "x"]), version=3)
    elif model.opset_import:
        random_.choice(model.opset_import).version = random_.choice(versions)


def nest(random_: random.Random, model: onnx.ModelProto) -> None:
    """Ifs inside Ifs."""
    body = model.graph
    depth = random_.choice([2, 10, 25, 60, 300])
    for level in range(depth):
        node = onnx.NodeProto(op_type="If", name=f"if{level}")
        node.input.append("deep_condition")
        node.output.append(f"deep{level}")
        for branch in ("then_branch", "else_branch")[: random_.choice([1, 2, 2, 2])]:
            inner = node.attribute.add(name=branch, type=onnx.AttributeProto.GRAPH).g
            inner.name = branch
            inner.output.add(name=f"deep{level + 1}").type.tensor_type.elem_type = 1
            if level == depth - 1 or branch == "else_branch":
                leaf = inner.node.add(op_type="Constant")
                leaf.output.append(f"deep{level + 1}")
                leaf.attribute.append(helper.make_attribute("value_float", 1.0))
        body.node.append(node)
        body = body.node[-1].attribute[0].g
    condition = helper.make_tensor("deep_condition", TensorProto.BOOL, [], [1])
    if random_.random() < 0.5:
        model.graph.initializer.append(condition)
    else:
        extra = helper.make_tensor_value_info("deep_condition", TensorProto.BOOL, [])
        model.graph.input.append(extra)
    if random_.random() < 0.7:
        model.graph.output.append(helper.make_tensor_value_info("deep0", TensorProto.FLOAT, []))


def functions(random_: random.Random, model: onnx.ModelProto) -> None:
    """A local function calls itself, is doubled, missing or shadows an operator."""
    if model.functions and random_.random() < 0.6:
        function = random_.choice(model.functions)
        what = random_.randrange(3)
        if what == 0:
            model.functions.remove(function)
        elif what == 1:
            model.functions.add().CopyFrom(function)
        elif function.node:
            function.node[0].op_type, function.node[0].domain = function.name, function.domain
        return
    function = model.functions.add(name=random_.choice(OPERATORS), domain="")
    function.input.append("a")
    function.output.append("b")
    function.node.append(helper.make_node(function.name, ["a"], ["b"]))


def long_chain(random_: random.Random, model: onnx.ModelProto) -> None:
    """Hundreds of nodes in a row behind an output."""
    values = [v for v in model.graph.output if v.name]
    if values:
        last = random_.choice(values).name
        for index in range(random_.choice([50, 300])):
            node = helper.make_node("Relu", [last], [f"chain{index}"])
            model.graph.node.append(node)
            last = f"chain{index}"
        model.graph.output.append(helper.make_tensor_value_info(last, TensorProto.FLOAT, None))


def flip_bytes(random_: random.Random, content: bytearray) -> None:
    """Bytes flipped."""
    for _ in range(random_.choice([1, 1, 2, 8, 64]) if content else 0):
        content[random_.randrange(len(content))] ^= 1 << random_.randrange(8)


def truncate(random_: random.Random, content: bytearray) -> None:
    """The file ends early."""
    del content[random_.randrange(len(content) + 1) :]


def splice(random_: random.Random, content: bytearray) -> None:
    """A piece of the file stands somewhere else as well."""
    start = random_.randrange(len(content) + 1)
    piece = content[start : start + random_.randrange(1, 200)]
    at = random_.randrange(len(content) + 1)
    content[at:at] = piece


def noise(random_: random.Random, content: bytearray) -> None:
    """A run of random bytes."""
    at = random_.randrange(len(content) + 1)
    content[at : at + 16] = random_.randbytes(random_.randrange(1, 32))


MODEL_MUTATIONS: tuple[Mutation, ...] = (
    drop_node,
    duplicate_node,
    shuffle_nodes,
    rewire,
    rewire,
    arity,
    operator,
    operator,
    attribute,
    attribute,
    attribute,
    attribute_kind,
    new_attribute,
    dimension,
    dimension,
    value_type,
    tensor_type,
    tensor_size,
    tensor_content,
    external,
    name,
    opset,
    opset,
    nest,
    functions,
    long_chain,
)
BYTE_MUTATIONS: tuple[ByteMutation, ...] = (flip_bytes, flip_bytes, truncate, splice, noise)
