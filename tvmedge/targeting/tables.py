"""Strict TOML tables: read, merge, and check against typed declarations.

A declaration is a dataclass or a ``TypedDict``; anything the declaration does
not know is an error that names the file, the dotted key and the nearest name.
"""

from __future__ import annotations

import copy
import dataclasses
import functools
import sys
import typing
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from tvmedge.errors import InputError, nearest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # type: ignore[import-not-found, unused-ignore]

if TYPE_CHECKING:
    from importlib.abc import Traversable

T = TypeVar("T")
Table = dict[str, Any]


def read_toml(file: Traversable) -> Table:
    """The table in a TOML file.

    Raises:
        InputError: the file cannot be read or is not TOML.
    """
    try:
        table: Table = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"Cannot read '{file}': {error.strerror or error}.") from error
    except ValueError as error:
        raise InputError(f"'{file}' is not a TOML file: {error}.") from error
    return table


def deep_merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> Table:
    """``base`` with ``over`` on top: tables merge key by key, all else is replaced.

    >>> deep_merge({"a": {"x": 1, "y": [1, 2]}}, {"a": {"y": [3]}, "b": 4})
    {'a': {'x': 1, 'y': [3]}, 'b': 4}
    """
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            merged[key] = deep_merge(below, value)
        else:
            merged[key] = copy.deepcopy(value)
    return merged


def check(value: Any, declared: Any, file: str, key: str = "", *, complete: bool = False) -> None:
    """Raise unless ``value`` holds only what ``declared`` knows, in the right types.

    Missing keys pass unless ``complete``: a file may leave them to its parents.

    Raises:
        InputError: names ``file``, the dotted key, and the nearest valid names.
    """
    declared = _without_none(declared)
    fields = _fields(declared)
    if fields is not None and isinstance(value, Mapping):
        for name in sorted(value.keys() - fields.keys()):
            raise InputError(
                f"Unknown key '{_dot(key, name)}' in '{file}' ({nearest(name, fields)})."
            )
        for name, (kind, required) in fields.items():
            if name in value:
                check(value[name], kind, file, _dot(key, name), complete=complete)
            elif complete and required:
                raise InputError(f"Missing key '{_dot(key, name)}' in '{file}'.")
    elif typing.get_origin(declared) is Mapping and isinstance(value, Mapping):
        for name, item in value.items():
            kind = typing.get_args(declared)[1]
            check(item, kind, file, _dot(key, name), complete=complete)
    else:
        try:
            msgspec.convert(value, declared)
        except msgspec.ValidationError as error:
            raise InputError(f"Wrong value for key '{key}' in '{file}': {error}.") from error


def convert(table: Mapping[str, Any], declared: type[T], file: str) -> T:
    """``table`` as an instance of ``declared``, with nothing missing and nothing unknown."""
    check(table, declared, file, complete=True)
    return msgspec.convert(table, declared)


def _dot(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name


def _without_none(declared: Any) -> Any:
    """``X`` for ``X | None``: TOML has no null, so a value that is there is an ``X``."""
    kinds = [kind for kind in typing.get_args(declared) if kind is not type(None)]
    optional = type(None) in typing.get_args(declared)
    return kinds[0] if optional and len(kinds) == 1 else declared


@functools.cache
def _fields(declared: Any) -> dict[str, tuple[Any, bool]] | None:
    """Type and whether required, of each field; None when this is no declaration."""
    if dataclasses.is_dataclass(declared):
        hints = typing.get_type_hints(declared, include_extras=True)
        missing = dataclasses.MISSING
        return {
            f.name: (hints[f.name], f.default is missing and f.default_factory is missing)
            for f in dataclasses.fields(declared)
        }
    if typing.is_typeddict(declared):
        hints = typing.get_type_hints(declared, include_extras=True)
        return {name: (hint, name in declared.__required_keys__) for name, hint in hints.items()}
    return None
