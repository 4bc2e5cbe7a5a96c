"""What --board takes: every form, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tvmedge.boards.address import BoardAddress, BoardKind, parse_address
from tvmedge.errors import InputError


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("local", BoardAddress(BoardKind.LOCAL)),
        ("emulated", BoardAddress(BoardKind.EMULATED)),
        ("ssh://pi", BoardAddress(BoardKind.SSH, "pi")),
        ("ssh://me@10.0.0.7:2222", BoardAddress(BoardKind.SSH, "10.0.0.7", 2222, user="me")),
        ("ssh://me@[fe80::1]:22", BoardAddress(BoardKind.SSH, "fe80::1", 22, user="me")),
        ("adb://R58M123", BoardAddress(BoardKind.ADB, "R58M123")),
        ("adb://10.0.0.9:5555", BoardAddress(BoardKind.ADB, "10.0.0.9:5555")),
        ("tvm://rack:9090/pi", BoardAddress(BoardKind.TVM, "rack", 9090, "pi")),
        ("tvm://[::1]:9090", BoardAddress(BoardKind.TVM, "::1", 9090)),
    ],
)
def test_every_form_is_read_and_written_again(text: str, address: BoardAddress) -> None:
    assert parse_address(text) == address
    assert str(address) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "remote",
        "ssh://",
        "ssh://-oProxyCommand=sh",
        "ssh://-l@host",
        "ssh://me:secret@host",
        "ssh://host/folder",
        "ssh://host:port",
        "ssh://host;id",
        "adb://",
        "adb://-d",
        "adb://a b",
        "gateway://pi/pool",
        "gateway://pi:1",
        "gateway://pi:1/",
        "gateway://pi:1/../x",
        "gateway://me@pi:1/pool",
        "tvm://",
        "tvm://host",
        "tvm://:9",
        "tvm://pi:0",
        "tvm://pi:99999",
        "tvm://me@pi:9",
        "tvm://pi:9?x",
        "tvm://host:1/a key",
        "https://host:1",
    ],
)
def test_whatever_else_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        parse_address(text)


@given(st.text(max_size=40))
def test_no_host_is_ever_an_option(text: str) -> None:
    for scheme in ("ssh", "adb"):
        try:
            address = parse_address(f"{scheme}://{text}")
        except InputError:
            continue
        assert not address.host.startswith("-")
        assert not address.user.startswith("-")
        assert not any(character.isspace() for character in address.host + address.user)
