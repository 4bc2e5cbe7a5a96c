"""What README and docs say to type is taken by the command line, and what they link to is there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tvmedge.cli import build_app

APP = build_app()
ROOT = Path(__file__).parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/*.md"))]
COMMANDS = [
    (page.relative_to(ROOT), line)
    for page in PAGES
    for line in re.findall(r"^\$ tvmedge (.+)$", page.read_text(), re.M)
]


@pytest.mark.parametrize(("page", "line"), COMMANDS, ids=lambda value: str(value).split("  ")[0])
def test_a_command_is_one(page: Path, line: str) -> None:
    words = shlex.split(line, comments=True)
    words = words[: words.index(">")] if ">" in words else words
    APP.parse_args(words, exit_on_error=False, print_error=False)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_link_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#\s]+)[^)]*\)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_page_is_linked_from_the_first() -> None:
    linked = re.findall(r"\]\((docs/[^)#]+\.md)\)", (ROOT / "README.md").read_text())
    assert {str(page.relative_to(ROOT)) for page in PAGES if page.parent != ROOT} <= set(linked)
