"""Names of models and tensors as identifiers of C."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from tvmedge.compiler.library.header import c_string, comment
from tvmedge.compiler.library.names import identifier, identifiers


@given(st.text())
def test_any_text_becomes_an_identifier(text: str) -> None:
    assert re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,63}", identifier(text))


@given(st.lists(st.text(max_size=5)))
def test_identifiers_differ_whatever_their_case(texts: list[str]) -> None:
    names = [name.lower() for name in identifiers(texts)]
    assert len(set(names)) == len(texts)


def test_names_of_c_and_of_ours_are_avoided() -> None:
    assert identifiers(["int", "weights", "x:0", "X_0", "0"]) == (
        "int_",
        "weights_",
        "x_0",
        "X_0_2",
        "x0",
    )


@given(st.text())
def test_any_text_fits_into_a_comment_and_a_string(text: str) -> None:
    inside = comment(text)
    assert "*/" not in inside and "\n" not in inside
    quoted = c_string(text)[1:-1]
    assert re.fullmatch(r'(?:[^"\\?\n]|\\[0-7]{3})*', quoted)
    parts = re.findall(r"\\([0-7]{3})|(.)", quoted)
    assert bytes(int(o, 8) if o else ord(c) for o, c in parts) == text.encode()
