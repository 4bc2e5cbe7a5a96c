"""What samples of a latency say: percentiles, how sure the median is, whether two differ."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_NORMAL_95 = 1.959964
LEVEL = 0.01
"""Below this, chance is an unlikely cause."""


@dataclass(frozen=True)
class Interval:
    """Where a value lies with 95 % confidence."""

    low: float
    high: float


@dataclass(frozen=True)
class Difference:
    """``ratio`` of B's median over A's and its 95 % interval (a bootstrap), ``p_value`` of a
    two-sided Mann-Whitney U test: how likely such samples are of one and the same latency."""

    ratio: float
    interval: Interval
    p_value: float

    @property
    def significant(self) -> bool:
        """Whether chance is an unlikely cause: below 1 %, and 1 is no ratio of the interval's."""
        return self.p_value < LEVEL and not self.interval.low <= 1 <= self.interval.high


def percentile(samples: Sequence[float], percent: int) -> float:
    """The value that ``percent`` of the samples do not exceed, interpolated."""
    if len(samples) == 1:
        return samples[0]
    return statistics.quantiles(samples, n=100, method="inclusive")[percent - 1]


def median_interval(samples: Sequence[float]) -> Interval:
    """Where the median lies, by the order of the samples alone (Conover, Practical Nonparametric
    Statistics, 3.2): no shape of their distribution is assumed. Fewer than 6 tell nothing."""
    ordered, count = sorted(samples), len(samples)
    if count < 6:
        return Interval(-math.inf, math.inf)
    reach = _NORMAL_95 * math.sqrt(count) / 2
    low = max(0, math.floor(count / 2 - reach))
    high = min(count - 1, math.ceil(count / 2 + reach))
    return Interval(ordered[low], ordered[high])


def difference(a: Sequence[float], b: Sequence[float], seed: int = 0) -> Difference:
    """How B's latency differs from A's."""
    import numpy as np
    from scipy import stats

    generator = np.random.default_rng(seed)
    first, second = np.asarray(a, "float64"), np.asarray(b, "float64")
    draws = [np.median(generator.choice(x, (2000, len(x))), axis=1) for x in (first, second)]
    low, high = np.percentile(draws[1] / draws[0], [2.5, 97.5])
    ratio = float(np.median(second) / np.median(first))
    p_value = float(stats.mannwhitneyu(first, second).pvalue)
    return Difference(ratio, Interval(float(low), float(high)), p_value)


def holm(p_values: Mapping[str, float]) -> set[str]:
    """Of several tests those that are significant together, at ``LEVEL`` for the whole family
    (Holm, A simple sequentially rejective multiple test procedure, 1979)."""
    sure: set[str] = set()
    for place, name in enumerate(sorted(p_values, key=lambda name: p_values[name])):
        if p_values[name] >= LEVEL / (len(p_values) - place):
            break
        sure.add(name)
    return sure
