"""A bundle's model in this process, whatever the form of its code."""

from __future__ import annotations

from tvmedge.boards.library import LibraryModel
from tvmedge.boards.model import Model
from tvmedge.boards.places import Local
from tvmedge.boards.runtime import load_runtime
from tvmedge.bundle import Bundle


def load_here(bundle: Bundle) -> Model | LibraryModel:
    """The model, ready to run. Its code may crash or hang, and this process with it.

    Raises:
        TrustError: the weights are not the library's.
        ToolError: TVM's runtime is needed and missing.
        BoardError: the code does not load.
    """
    if bundle.manifest.code.library is not None:
        return LibraryModel(bundle)
    load_runtime()
    return Model(bundle, Local())
