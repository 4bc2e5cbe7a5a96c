"""Mutant number ``index`` of a seed: the same bytes every time."""

from __future__ import annotations

import random
from dataclasses import dataclass

import onnx
from google.protobuf.message import DecodeError

from scripts.fuzz.mutate import BYTE_MUTATIONS, MODEL_MUTATIONS
from scripts.fuzz.seeds import seeds

SHARE_OF_OWN = 0.6
SHARE_OF_BYTES = 0.15


@dataclass(frozen=True)
class Mutant:
    """``how`` names the model it comes from and what was done to it."""

    index: int
    how: str
    content: bytes


def mutant(seed: int, index: int) -> Mutant:
    """One to three changes to a valid model."""
    random_ = random.Random(f"{seed}:{index}")
    own = random_.random() < SHARE_OF_OWN
    name, make = random_.choice(seeds(suite=not own))
    model = make()
    steps = [name]
    bytes_only = random_.random() < SHARE_OF_BYTES
    if not bytes_only:
        for change in random_.choices(MODEL_MUTATIONS, k=random_.choice([1, 1, 1, 2, 3])):
            if _applied(change, random_, model):
                steps.append(change.__name__)
    content = bytearray(model.SerializeToString())
    if bytes_only or random_.random() < 0.05:
        damage = random_.choice(BYTE_MUTATIONS)
        damage(random_, content)
        steps.append(damage.__name__)
    return Mutant(index, " ".join(steps), bytes(content))


def _applied(change: object, random_: random.Random, model: onnx.ModelProto) -> bool:
    """Whether protobuf could hold what ``change`` wanted; half a change is one too."""
    try:
        change(random_, model)  # type: ignore[operator]
    except (ValueError, IndexError, DecodeError):
        return False
    return True
