"""ncnn's own converter: its version, and what it could not translate."""

from __future__ import annotations

PNNX = "20261020"


def foreign_layers(param: str) -> list[str]:
    """The kinds of layers of PyTorch and ONNX in the text of a .param file, sorted."""
    kinds = {line.split()[0] for line in param.splitlines()[2:] if line.strip()}
    return sorted(kind for kind in kinds if "." in kind or "::" in kind)
