"""What libraries raise in the middle of a stage becomes one sentence about the model."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from tvmedge.errors import InputError, TvmEdgeError
from tvmedge.model.load import Model, first_line


@contextlib.contextmanager
def failures_named(model: Model, action: str) -> Iterator[None]:
    """``action`` completes "Model 'm.onnx' cannot be ...".

    Raises:
        InputError: for everything that is not an error of ours already.
    """
    try:
        yield
    except TvmEdgeError:
        raise
    except MemoryError as error:
        raise InputError(
            f"Model '{model.path}' cannot be {action} in this machine's memory "
            f"({first_line(error)}): fix smaller dimensions with --input."
        ) from error
    except Exception as error:
        raise InputError(
            f"Model '{model.path}' cannot be {action}: {first_line(error)}."
        ) from error
