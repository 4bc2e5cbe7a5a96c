"""Operators whose inputs have open dimensions, or take sizes that hold symbols.

They are asked first where a dimension is open; TVM's importer and the other
converters keep everything of fixed shapes.
"""

from __future__ import annotations

from collections.abc import Mapping

from tvmedge.model.converters.node import Converter
from tvmedge.model.converters.open.fill import arange, constant_of_shape, eye_like
from tvmedge.model.converters.open.pad import pad
from tvmedge.model.converters.open.picks import hardmax, one_hot, top_k
from tvmedge.model.converters.open.reshape import expand, flatten, reshape, tile
from tvmedge.model.converters.open.resize import resize
from tvmedge.model.converters.open.reverse import reverse_sequence
from tvmedge.model.converters.open.slices import slice_, split, squeeze

__all__ = ["OPEN", "resize"]

OPEN: Mapping[str, Converter] = {
    "ConstantOfShape": constant_of_shape,
    "Expand": expand,
    "EyeLike": eye_like,
    "Flatten": flatten,
    "Hardmax": hardmax,
    "OneHot": one_hot,
    "Pad": pad,
    "Range": arange,
    "Reshape": reshape,
    "ReverseSequence": reverse_sequence,
    "Slice": slice_,
    "Split": split,
    "Squeeze": squeeze,
    "Tile": tile,
    "TopK": top_k,
}
