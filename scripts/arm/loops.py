"""The innermost loops of AArch64 assembly, and what is in them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

_FUNCTION = re.compile(r"^(?P<name>\w[\w.$]*):")
_LABEL = re.compile(r"^(?P<name>\.L\w+):")
_INSTRUCTION = re.compile(r"^\s+(?P<text>[a-z][\w.]*(\s.*)?)$")
_BRANCH = re.compile(r"^(b|b\.\w+|cbn?z|tbn?z)\s.*?(?P<to>\.L\w+)$")
_COMMENT = re.compile(r"\s*//.*$")
_ENDS = ("ret", "br\t", "b\t")


@dataclass(frozen=True)
class Loop:
    """An innermost loop: its function and its instructions in their order in memory."""

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


@dataclass(frozen=True)
class _Block:
    """Instructions that run one after the other, and the blocks that may come next."""

    instructions: tuple[str, ...]
    next: tuple[int, ...]


def innermost(assembly: str) -> list[Loop]:
    """Every loop of ``assembly`` that has no other loop in it."""
    return [loop for name, lines in _functions(assembly) for loop in _loops(name, lines)]


def _functions(assembly: str) -> Iterator[tuple[str, list[str]]]:
    name, lines = "", list[str]()
    for raw in assembly.splitlines():
        line = _COMMENT.sub("", raw).rstrip()
        if found := _FUNCTION.match(line):
            if lines:
                yield name, lines
            name, lines = found["name"], []
        elif _LABEL.match(line) or _INSTRUCTION.match(line):
            lines.append(line)
    if lines:
        yield name, lines


def _loops(function: str, lines: list[str]) -> Iterator[Loop]:
    blocks = _blocks(lines)
    for body in _cycles(blocks, _reached(blocks), set()):
        parts = (blocks[at].instructions for at in sorted(body))
        yield Loop(function, tuple(text for part in parts for text in part))


def _cycles(blocks: Sequence[_Block], within: set[int], heads: set[int]) -> Iterator[set[int]]:
    """Of the blocks ``within`` those that lead back to themselves otherwise than by ``heads``, as
    sets that have no such set in them. Each is taken apart where control enters it, which may be
    at several places: jump threading makes such loops."""
    after = {at: [to for to in blocks[at].next if to in within - heads] for at in within}
    for body in _lead_to_each_other(after):
        outside = {to for at, block in enumerate(blocks) if at not in body for to in block.next}
        inner = list(_cycles(blocks, body, heads | (body & outside or {min(body)})))
        yield from inner or [body]


def _reached(blocks: Sequence[_Block]) -> set[int]:
    seen, left = set[int](), [0]
    while left:
        at = left.pop()
        if at not in seen:
            seen.add(at)
            left.extend(blocks[at].next)
    return seen


def _lead_to_each_other(after: Mapping[int, Sequence[int]]) -> list[set[int]]:
    """The strongly connected parts of a graph that have a cycle."""
    nodes = sorted(after)
    places = {node: place for place, node in enumerate(nodes)}
    edges = [(places[at], places[to]) for at in nodes for to in after[at]]
    rows, columns = zip(*edges, strict=True) if edges else ((), ())
    graph = coo_array((np.ones(len(edges)), (rows, columns)), shape=(len(nodes), len(nodes)))
    _, parts = connected_components(graph, connection="strong")
    found: dict[int, set[int]] = {}
    for node, part in zip(nodes, parts, strict=True):
        found.setdefault(int(part), set()).add(node)
    return [part for part in found.values() if len(part) > 1 or part & {*after[min(part)]}]


def _blocks(lines: Sequence[str]) -> list[_Block]:
    starts = {0} | {at for at, line in enumerate(lines) if _LABEL.match(line)}
    starts |= {at + 1 for at, line in enumerate(lines) if _leaves(line.strip())}
    places = sorted(start for start in starts if start < len(lines))
    at_line = {line: at for at, line in enumerate(places)}
    labels: dict[str, int] = {}
    for line, text in enumerate(lines):
        if found := _LABEL.match(text):
            labels[found["name"]] = at_line[line]
    blocks = []
    for at, (start, end) in enumerate(zip(places, [*places[1:], len(lines)], strict=True)):
        texts = [line.strip() for line in lines[start:end] if not _LABEL.match(line)]
        last = texts[-1] if texts else ""
        jump = _BRANCH.match(last)
        after = [labels[jump["to"]]] if jump and jump["to"] in labels else []
        if at + 1 < len(places) and not last.startswith(_ENDS):
            after.append(at + 1)
        blocks.append(_Block(tuple(texts), tuple(after)))
    return blocks


def _leaves(instruction: str) -> bool:
    return bool(_BRANCH.match(instruction)) or instruction.startswith(_ENDS)
