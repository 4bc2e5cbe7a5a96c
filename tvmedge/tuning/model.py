"""What a candidate will cost, guessed from those that were measured: XGBoost's boosted trees."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from tvmedge.records.types import Decision

Features: TypeAlias = Mapping[str, Decision | float]

_ROUNDS = 60
_SETTINGS = {
    "objective": "reg:squarederror",
    "max_depth": 5,
    "eta": 0.2,
    "min_child_weight": 1,
    "nthread": 1,
    "verbosity": 0,
}
_WORST = 5.0  # a failure is a cost of e ** 5 times the best


class CostModel:
    """Learns the logarithm of costs from named features; what a candidate lacks is missing.

    Costs of one ``group`` (a kernel) are comparable, those of two are not: each is taken
    relative to the best of its group.
    """

    def __init__(self, seed: int) -> None:
        self._settings = {**_SETTINGS, "seed": seed}
        self._columns: dict[str, int] = {}
        self._trees: Any = None

    def fit(
        self,
        rows: Sequence[tuple[Features, str, float | None]],
        weights: Sequence[float] | None = None,
    ) -> None:
        """Learn from features, group and cost (None: it failed) of what was measured; every row
        counts the same unless ``weights`` says otherwise."""
        import xgboost

        best: dict[str, float] = {}
        for _, group, cost in rows:
            if cost is not None:
                best[group] = min(cost, best.get(group, math.inf))
        targets = [
            _WORST if cost is None else min(_WORST, math.log(cost / best[group]))
            for _, group, cost in rows
        ]
        for features, _, _ in rows:
            for name, value in features.items():
                self._columns.setdefault(_column(name, value), len(self._columns))
        matrix = self._matrix([features for features, _, _ in rows])
        data = xgboost.DMatrix(matrix, targets, weight=weights)
        self._trees = xgboost.train(self._settings, data, _ROUNDS)

    def guess(self, candidates: Sequence[Features]) -> list[float]:
        """The logarithm of each cost relative to the best one; 0 for all before ``fit``."""
        if self._trees is None or not candidates:
            return [0.0] * len(candidates)
        import xgboost

        guessed = self._trees.predict(xgboost.DMatrix(self._matrix(candidates)))
        return [float(value) for value in guessed]

    def _matrix(self, rows: Sequence[Features]) -> Any:
        matrix = np.full((len(rows), len(self._columns)), np.nan, np.float32)
        for place, features in enumerate(rows):
            for name, value in features.items():
                column = self._columns.get(_column(name, value))
                if column is not None:
                    matrix[place, column] = 1.0 if isinstance(value, str) else float(value)
        return matrix


def _column(name: str, value: Decision | float) -> str:
    """One column a name, for text one a value."""
    return f"{name}={value}" if isinstance(value, str) else name
