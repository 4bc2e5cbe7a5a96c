"""The input of a bundle's own check, where the user did not give all of it."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np

from tvmedge.compiler.reference import CheckVectors, check_vectors
from tvmedge.model.index_limits import index_limits
from tvmedge.model.load import Model
from tvmedge.tensors import ImageOptions, random_tensor, read_inputs
from tvmedge.tensors.generate import INTEGERS
from tvmedge.tensors.inputs import Draw
from tvmedge.tensors.picture import picture_tensor
from tvmedge.types import Signature, TensorSpec

log = logging.getLogger(__name__)


def convincing_vectors(
    model: Model, signature: Signature, specs: Sequence[str], seed: int
) -> CheckVectors:
    """What ``model`` computes on the inputs that ``specs`` describe (as for ``--input``).

    Random integers stay inside the tables that they index. Where the reference is doubtful, tamer
    inputs are tried: pictures where a detector of text finds nothing in noise and amplifies its
    rounding, and other integers 0 or 1, as a mask of 9 makes an encoder's outputs NaN. Doubts that
    stay are logged as warnings.

    Raises:
        InputError: as ``read_inputs`` and ``check_vectors``.
    """
    limits = index_limits(model.proto.graph)

    def noise(spec: TensorSpec, seed: int) -> np.ndarray:
        return random_tensor(spec, seed, limits.get(spec.name, INTEGERS))

    def tame(spec: TensorSpec, seed: int) -> np.ndarray:
        drawn = picture_tensor(spec, seed)
        return random_tensor(spec, seed, limits.get(spec.name, 2)) if drawn is None else drawn

    def read(draw: Draw) -> dict[str, np.ndarray]:
        return read_inputs(signature, specs, ImageOptions(), seed, draw)

    found = check_vectors(model, signature, read(noise))
    if found.doubts:
        drawn = read(tame)
        if any(not np.array_equal(drawn[name], found.inputs[name]) for name in drawn):
            other = check_vectors(model, signature, drawn)
            if not other.doubts:
                log.info("the check input is tamer than random, of which %s", found.doubts[0])
                return other
    for doubt in found.doubts:
        log.warning("%s: give a plausible one with --check-input", doubt)
    return found
