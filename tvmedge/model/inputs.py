"""What the user says of a model's inputs: ``--input x:1x3x224x224``, ``--input sr=16000``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy.typing as npt

from tvmedge.errors import InputError
from tvmedge.types import Bounds

MAX_DIMENSION = 1 << 31
_SIZE = re.compile(r"[0-9]+")
_SYMBOL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_RANGE = re.compile(r"(?:([A-Za-z_][A-Za-z0-9_]*)=)?([0-9]+)\.\.([0-9]+)")


@dataclass(frozen=True)
class OpenDim:
    """A dimension left open: its symbol, empty where only bounds were given."""

    symbol: str = ""
    bounds: Bounds = field(default_factory=Bounds)


Shapes = Mapping[str, tuple[int | OpenDim, ...]]

Values = Mapping[str, npt.ArrayLike | Path]
"""What inputs are fixed to: a number, nested lists, an array, or a .npy file of one."""


@dataclass(frozen=True)
class GivenInputs:
    """Shapes and values by the inputs' names; no input has both."""

    shapes: Shapes
    values: Values


def parse_inputs(flags: Iterable[str]) -> GivenInputs:
    """``["x:1x3x224x224", "n:", "sr=16000"] -> shapes x and n, value sr``.

    Of a shape the last colon separates, so names may hold colons; dimensions are
    joined by ``,`` or, where there is none, by ``x``; nothing after the colon is
    a scalar. ``N`` keeps a dimension open, ``1..8`` or ``N=1..8`` with bounds.
    Of a value the first ``=`` separates: a number, ``true``, ``false``, a JSON
    list or the name of a .npy file fixes the input to it.

    Raises:
        InputError: a flag that has neither form, or a name given twice.
    """
    shapes: dict[str, tuple[int | OpenDim, ...]] = {}
    values: dict[str, npt.ArrayLike | Path] = {}
    for flag in flags:
        name, value = _named_value(flag)
        if value is None:
            name, _, text = flag.rpartition(":")
        if not name:
            raise InputError(
                f"--input '{flag}' has no shape or value: expected NAME:SHAPE such as "
                "x:1x3x224x224, or NAME=VALUE such as sr=16000."
            )
        if name in shapes | values:
            both = (name in values) != (value is not None)
            raise InputError(
                f"--input '{name}' is given {'a shape and a value' if both else 'twice'}: "
                "give each input once."
            )
        if value is None:
            shapes[name] = _dimensions(flag, text)
        else:
            values[name] = value
    return GivenInputs(shapes, values)


def _named_value(flag: str) -> tuple[str, npt.ArrayLike | Path | None]:
    """The name and value of a flag NAME=VALUE; no value where it is to be a shape."""
    name, equals, text = flag.partition("=")
    colon, dimensions = flag.rpartition(":")[1:]
    if not equals or (colon and all(map(_is_dimension, _split(dimensions)))):
        return "", None
    if text.endswith(".npy"):
        return name, Path(text)
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        if colon:
            return "", None  # what is wrong is a dimension
        value = None
    if isinstance(value, int | float | list):
        return name, value
    raise InputError(
        f"--input '{flag}': '{text}' is not a number, true, false, a JSON list or a .npy file: "
        "give NAME=VALUE such as sr=16000 (the input of the check goes to --check-input)."
    )


def _split(text: str) -> list[str]:
    return text.split("," if "," in text else "x") if text else []


def _is_dimension(text: str) -> bool:
    return any(form.fullmatch(text) for form in (_SIZE, _SYMBOL, _RANGE))


def _dimensions(flag: str, text: str) -> tuple[int | OpenDim, ...]:
    return tuple(_dimension(flag, part) for part in _split(text))


def _dimension(flag: str, text: str) -> int | OpenDim:
    if _SIZE.fullmatch(text) and int(text) < MAX_DIMENSION:
        return int(text)
    if _SYMBOL.fullmatch(text):
        return OpenDim(text)
    if found := _RANGE.fullmatch(text):
        low, high = int(found[2]), int(found[3])
        if 0 < low <= high < MAX_DIMENSION:
            return OpenDim(found[1] or "", Bounds(low, high))
    raise InputError(
        f"--input '{flag}': dimension '{text}' is not a size, a symbol such as N or a "
        "range such as 1..8: give NAME:SHAPE such as x:1x3x224x224."
    )
