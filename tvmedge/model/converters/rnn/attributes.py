"""What an LSTM, GRU or RNN node says, read strictly.

A value that ONNX leaves open (a scale without a default, more scales than the
activation functions take) is refused instead of guessed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# The scales of each function, alpha before beta, by their defaults; None has to be given.
_SCALES: Mapping[str, tuple[float | None, ...]] = {
    "relu": (),
    "tanh": (),
    "sigmoid": (),
    "softsign": (),
    "softplus": (),
    "leakyrelu": (0.01,),
    "thresholdedrelu": (1.0,),
    "elu": (1.0,),
    "hardsigmoid": (0.2, 0.5),
    "affine": (None, None),
    "scaledtanh": (None, None),
}


@dataclass(frozen=True)
class Activation:
    """An activation function, its name in lower case."""

    name: str
    alpha: float = 0.0
    beta: float = 0.0


@dataclass(frozen=True)
class Attributes:
    """``backward`` and ``activations`` have one entry a direction."""

    backward: tuple[bool, ...]
    activations: tuple[tuple[Activation, ...], ...]
    clip: float | None
    batch_first: bool
    hidden: int | None

    @classmethod
    def read(cls, values: Mapping[str, Any], defaults: Sequence[str]) -> Attributes:
        """``defaults`` are the activation functions of one direction.

        Raises:
            ValueError: a value outside of the operator's definition.
        """
        backward = _backward(_text(values.get("direction", "forward")))
        clip = values.get("clip")
        if clip is not None and not clip > 0:
            raise ValueError(f"clip is {clip:g}, it must be positive")
        layout = values.get("layout", 0)
        if layout not in (0, 1):
            raise ValueError(f"layout is {layout}, it must be 0 or 1")
        functions = _activations(values, list(defaults) * len(backward))
        each = len(defaults)
        return cls(
            backward,
            tuple(functions[i * each : (i + 1) * each] for i in range(len(backward))),
            None if clip is None else float(clip),
            layout == 1,
            values.get("hidden_size"),
        )


def _backward(direction: str) -> tuple[bool, ...]:
    known = {"forward": (False,), "reverse": (True,), "bidirectional": (False, True)}
    if direction not in known:
        raise ValueError(f"direction '{direction}' is none of {', '.join(known)}")
    return known[direction]


def _activations(values: Mapping[str, Any], defaults: Sequence[str]) -> tuple[Activation, ...]:
    names = [_text(name).lower() for name in values.get("activations") or defaults]
    if len(names) != len(defaults):
        raise ValueError(f"{len(names)} activation functions where {len(defaults)} are needed")
    for name in names:
        if name not in _SCALES:
            raise ValueError(f"unknown activation function '{name}'")
    alphas = _scales(names, 0, values.get("activation_alpha") or (), "activation_alpha")
    betas = _scales(names, 1, values.get("activation_beta") or (), "activation_beta")
    return tuple(Activation(*scaled) for scaled in zip(names, alphas, betas, strict=True))


def _scales(
    names: Sequence[str], index: int, given: Sequence[float], attribute: str
) -> Iterator[float]:
    """The scale of each function; only those that take one consume a given value."""
    takers = [at for at, name in enumerate(names) if len(_SCALES[name]) > index]
    consumed = dict(zip(takers, given, strict=False))
    if len(given) > len(takers) and any(
        at >= len(given) or given[at] != value for at, value in consumed.items()
    ):
        raise ValueError(f"{attribute} has more values than the activation functions take")
    for at, name in enumerate(names):
        if at not in takers:
            yield 0.0
            continue
        value = consumed.get(at, _SCALES[name][index])
        if value is None:
            raise ValueError(f"{name} needs {attribute}, which has no default")
        yield float(value)


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
