"""Names of a package that are imported on first use.

``tvmedge --help`` must not pay for numpy, and ``import tvmedge`` not for TVM.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any


def exports(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """A package's ``__getattr__``; ``homes`` maps a name to the module that has
    it, or to ``module:attribute`` where it is called otherwise there."""

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module, _, attribute = homes[name].partition(":")
        return getattr(importlib.import_module(module), attribute or name)

    return get
