"""Debian's backports, from the sources that a machine has."""

from __future__ import annotations

from pathlib import Path

import pytest

from tvmedge.device.backports import backports_sources
from tvmedge.errors import ToolError

PARAGRAPHS = """\
# of the image
Types: deb
URIs: http://mirror.test/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian.gpg

Types: deb
URIs: http://mirror.test/debian-security
Suites: bookworm-security
Components: main

Types: deb
URIs: http://other.test/linux
Suites: bookworm
Components: stable
"""
LINES = """\
# deb http://commented.test/debian bookworm main
deb [arch=amd64 signed-by=/keys/debian.asc] http://mirror.test/debian bookworm main non-free
deb http://mirror.test/debian bookworm-updates main
deb-src http://mirror.test/debian bookworm main
deb http://other.test/linux bookworm stable
"""


def test_paragraphs(tmp_path: Path) -> None:
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list.d" / "debian.sources").write_text(PARAGRAPHS, encoding="utf-8")
    assert backports_sources(tmp_path, "bookworm").splitlines() == [
        "Types: deb",
        "URIs: http://mirror.test/debian",
        "Signed-By: /usr/share/keyrings/debian.gpg",
        "Suites: bookworm-backports",
        "Components: main",
    ]


def test_lines(tmp_path: Path) -> None:
    (tmp_path / "sources.list").write_text(LINES, encoding="utf-8")
    assert backports_sources(tmp_path, "bookworm").splitlines() == [
        "Types: deb",
        "URIs: http://mirror.test/debian",
        "Signed-By: /keys/debian.asc",
        "Suites: bookworm-backports",
        "Components: main",
    ]


def test_no_mirror_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"No package source of Debian trixie in '.*'"):
        backports_sources(tmp_path, "trixie")
