"""What every verb shares: ``--json``, ``-v``, and where text goes."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from cyclopts import Parameter

JSON_SCHEMA_VERSION = "1.2"
"""Of every document that a verb prints: the major changes where a field goes or means another
thing, the minor where one is new."""


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Output:
    """How a verb reports."""

    json: Annotated[bool, Parameter(name="--json", negative=())] = False
    "Print one JSON document on stdout; text for people goes to stderr."
    verbose: Annotated[bool, Parameter(name=["--verbose", "-v"], negative=())] = False
    "Log what is being done."

    def start(self) -> Output:
        """Set up logging; returns itself."""
        logging.basicConfig(
            level=logging.DEBUG if self.verbose else logging.WARNING,
            format="%(levelname)s %(name)s: %(message)s",
            stream=sys.stderr,
        )
        logging.getLogger("tvmedge").setLevel(logging.DEBUG if self.verbose else logging.WARNING)
        logging.getLogger("tvmedge").disabled = False
        if not self.verbose:
            warnings.simplefilter("ignore")  # Python's own are for developers
        return self

    def say(self, text: str) -> None:
        """A line for people: stdout, or stderr when stdout carries JSON."""
        print(text, file=sys.stderr if self.json else sys.stdout, flush=True)

    def document(self, verb: str, content: Mapping[str, Any]) -> None:
        """The verb's JSON document, when asked for."""
        if self.json:
            whole = {"schema_version": JSON_SCHEMA_VERSION, "verb": verb, **content}
            sys.stdout.write(msgspec.json.format(msgspec.json.encode(whole), indent=1).decode())
            sys.stdout.write("\n")
            sys.stdout.flush()
