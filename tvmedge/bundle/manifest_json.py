"""The manifest as text: one canonical JSON form, read strictly."""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from typing import Any

from tvmedge.bundle.malformed import MalformedError
from tvmedge.bundle.manifest import SCHEMA_VERSION, Manifest
from tvmedge.errors import nearest

MAX_BYTES = 1 << 20


def dumps(manifest: Manifest) -> bytes:
    """The manifest as UTF-8 JSON: sorted keys, indent 1, newline at the end.

    Raises:
        MalformedError: a text that is not valid Unicode, a number that is not
            finite, or more than 1 MiB.
    """
    text = _canonical(dataclasses.asdict(manifest))
    if len(text) > MAX_BYTES:
        raise MalformedError("its manifest is larger than 1 MiB")
    return text


def loads(text: bytes) -> Manifest:
    """The manifest in ``text``.

    Raises:
        MalformedError: larger than 1 MiB, not canonical JSON, another major
            schema version, a key that is missing, unknown or of another type.
    """
    import msgspec  # only where a bundle is read: 20 ms

    if len(text) > MAX_BYTES:
        raise MalformedError("its manifest is larger than 1 MiB")
    try:
        raw = msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedError(f"its manifest is not JSON ({error})") from error
    minor = _minor_version(raw)
    # A key given twice or a number in another spelling shows up here.
    if _canonical(raw) != text:
        raise MalformedError("its manifest is not in the form that tvmedge writes")
    if minor <= _version(SCHEMA_VERSION)[1]:
        _refuse_unknown(Manifest, raw, "")
    try:
        return msgspec.convert(raw, Manifest)
    except msgspec.ValidationError as error:
        raise MalformedError(f"its manifest is not usable ({error})") from error


def is_newer(manifest: Manifest) -> bool:
    """Whether a higher minor schema than ours wrote it, which may add keys and files."""
    return _version(manifest.schema_version)[1] > _version(SCHEMA_VERSION)[1]


def _canonical(raw: object) -> bytes:
    try:
        text = json.dumps(raw, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False)
        return text.encode() + b"\n"
    except (ValueError, RecursionError) as error:
        raise MalformedError(f"its manifest cannot be written as JSON ({error})") from error


def _version(text: str) -> tuple[int, int]:
    major, _, minor = text.partition(".")
    if not all(part.isdecimal() and part.isascii() and len(part) < 5 for part in (major, minor)):
        raise MalformedError(f"its schema version {text!r} is not of the form 1.0")
    return int(major), int(minor)


def _minor_version(raw: object) -> int:
    stated = raw.get("schema_version") if isinstance(raw, dict) else None
    if not isinstance(stated, str):
        raise MalformedError("its manifest states no schema version")
    (major, minor), ours = _version(stated), _version(SCHEMA_VERSION)[0]
    if major > ours:
        raise MalformedError(
            f"it was made by a newer tvmedge (schema {stated}), this one reads {ours}.x",
            advice="upgrade tvmedge",
        )
    if major < ours:
        raise MalformedError(
            f"it was made by an older tvmedge (schema {stated}), this one reads {ours}.x",
            advice="compile the model again",
        )
    return minor


def _refuse_unknown(kind: Any, raw: object, where: str) -> None:
    """Refuse keys that the dataclass ``kind`` lacks; msgspec would drop them silently."""
    if isinstance(kind, types.UnionType) and isinstance(raw, dict):
        kind = next(filter(dataclasses.is_dataclass, typing.get_args(kind)), kind)
    if dataclasses.is_dataclass(kind) and isinstance(raw, dict):
        known = typing.get_type_hints(kind)
        for key, value in raw.items():
            if key not in known:
                raise MalformedError(
                    f"its manifest has the unknown key {where + key!r} ({nearest(key, known)})"
                )
            _refuse_unknown(known[key], value, f"{where}{key}.")
    elif typing.get_origin(kind) is tuple and isinstance(raw, list):
        for value in raw:
            _refuse_unknown(typing.get_args(kind)[0], value, where)
