"""The suite of newer packages that Debian keeps beside each release.

before: Suites: bookworm bookworm-updates      after: Suites: bookworm-backports

Derived from the machine's own package sources, so whichever mirror those name is used.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Iterator
from pathlib import Path

from tvmedge.errors import ToolError

_APT = Path("/etc/apt")
_MAIN = "main"
_LINE = re.compile(
    r"deb\s+(?:\[(?P<options>[^]]*)\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)\s+(?P<parts>.+)"
)


def backports_sources(folder: Path = _APT, release: str | None = None) -> str:
    """The text of a ``.sources`` file, made of those that apt has in ``folder``.

    ``release`` is this machine's, by default.

    Raises:
        ToolError: this is no Debian, or its sources name no mirror of it.
    """
    release = release or _release()
    found = [*_paragraphs(folder, release), *_lines(folder, release)]
    if not found:
        raise ToolError(f"No package source of Debian {release} in '{folder}': add one for apt.")
    return "\n".join(found)


def _release() -> str:
    try:
        about = platform.freedesktop_os_release()
    except OSError:
        about = {}
    if about.get("ID") != "debian" or "VERSION_CODENAME" not in about:
        raise ToolError("Debian's backports need Debian: install newer packages by other means.")
    return about["VERSION_CODENAME"]


def _paragraphs(folder: Path, release: str) -> Iterator[str]:
    """From files in Debian's newer form: fields, an entry a paragraph."""
    for file in sorted((folder / "sources.list.d").glob("*.sources")):
        for paragraph in re.split(r"\n\s*\n", file.read_text(encoding="utf-8")):
            lines = [line for line in paragraph.splitlines() if not line.startswith("#")]
            fields = {name: value.split() for name, _, value in (x.partition(":") for x in lines)}
            if release in fields.get("Suites", []) and _MAIN in fields.get("Components", []):
                given = [line for line in lines if not line.startswith(("Suites:", "Components:"))]
                yield "\n".join([*given, *_wanted(release)])


def _lines(folder: Path, release: str) -> Iterator[str]:
    """From files in the older form: an entry a line."""
    for file in [folder / "sources.list", *sorted((folder / "sources.list.d").glob("*.list"))]:
        for line in file.read_text(encoding="utf-8").splitlines() if file.is_file() else ():
            match = _LINE.match(line.strip())
            if match and match["suite"] == release and _MAIN in match["parts"].split():
                keys = re.search(r"signed-by=(\S+)", match["options"] or "")
                signed = [f"Signed-By: {keys[1]}"] if keys else []
                yield "\n".join(["Types: deb", f"URIs: {match['uri']}", *signed, *_wanted(release)])


def _wanted(release: str) -> list[str]:
    return [f"Suites: {release}-backports", f"Components: {_MAIN}", ""]
