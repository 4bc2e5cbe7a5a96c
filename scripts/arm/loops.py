"""The innermost loops of AArch64 assembly, and what is in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_FUNCTION = re.compile(r"^(?P<name>\w[\w.$]*):")
_LABEL = re.compile(r"^(?P<name>\.L\w+):")
_INSTRUCTION = re.compile(r"^\s+(?P<text>[a-z][\w.]*(\s.*)?)$")
_BRANCH = re.compile(r"^(b|b\.\w+|cbn?z|tbn?z)\s.*?(?P<to>\.L\w+)$")
_COMMENT = re.compile(r"\s*//.*$")


@dataclass(frozen=True)
class Loop:
    """An innermost loop: its function and instructions, the jump back the last."""

    function: str
    instructions: tuple[str, ...]

    @property
    def multiply_adds(self) -> int:
        """Vector multiply-adds."""
        return self._count("fmla")

    @property
    def spills(self) -> int:
        """Loads from and stores to the stack."""
        return sum("[sp" in text for text in self.instructions)

    @property
    def calls(self) -> int:
        """Calls of functions; registers are saved around each."""
        return self._count("bl")

    def _count(self, mnemonic: str) -> int:
        return sum(
            text.split(None, 1)[0] in (mnemonic, f"{mnemonic}r") for text in self.instructions
        )


def innermost(assembly: str) -> list[Loop]:
    """Every loop of ``assembly`` that has no other loop in it."""
    return [loop for name, lines in _functions(assembly) for loop in _loops(name, lines)]


def _functions(assembly: str) -> Iterator[tuple[str, list[str]]]:
    name, lines = "", list[str]()
    for raw in assembly.splitlines():
        line = _COMMENT.sub("", raw).rstrip()
        if found := _FUNCTION.match(line):
            yield name, lines
            name, lines = found["name"], []
        elif _LABEL.match(line) or _INSTRUCTION.match(line):
            lines.append(line)
    yield name, lines


def _loops(function: str, lines: list[str]) -> Iterator[Loop]:
    labels = {found["name"]: at for at, line in enumerate(lines) if (found := _LABEL.match(line))}
    ends: dict[int, int] = {}  # of a loop with several jumps back, the last
    for at, line in enumerate(lines):
        found = _BRANCH.match(line.strip())
        start = labels.get(found["to"], at) if found else at
        if found and start < at and _leads_to(lines, labels, start, at):
            ends[labels[found["to"]]] = at
    for start, end in ends.items():
        if not any(start < other and last <= end for other, last in ends.items()):
            body = (line.strip() for line in lines[start : end + 1] if not _LABEL.match(line))
            yield Loop(function, tuple(body))


def _leads_to(lines: list[str], labels: dict[str, int], start: int, end: int) -> bool:
    """Whether control that is at ``start`` can come to ``end`` by way of lines between."""
    seen, left = set[int](), [start]
    while left:
        at = left.pop()
        if at == end:
            return True
        if at in seen or not start <= at < end:
            continue
        seen.add(at)
        line = lines[at].strip()
        found = _BRANCH.match(line)
        if found:
            left.append(labels.get(found["to"], -1))
        if not line.startswith(("ret", "br\t")) and not (found and found[1] == "b"):
            left.append(at + 1)
    return False
