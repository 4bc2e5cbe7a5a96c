"""A module that a pass may change, while others keep what they were given."""

from __future__ import annotations

import tvm


def copied(module: tvm.IRModule) -> tvm.IRModule:
    """The same functions, attributes and devices (``global_infos``, which tensors on a CPU beside
    a GPU refer to)."""
    return tvm.IRModule(
        dict(module.functions.items()), attrs=module.attrs, global_infos=module.global_infos
    )
