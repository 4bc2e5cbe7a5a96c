"""The matrix of a discrete Fourier transform over pairs of (sample, part).

A transform of known length is one product: flat (n, part) times this matrix
gives flat (k, part), where part is real or imaginary. Samples past the length
are cut and missing ones are zero by what rows there are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

MAX_MATRIX_ENTRIES = 1 << 24


@dataclass(frozen=True)
class Fourier:
    """``samples`` of ``parts`` (1 real, 2 complex) transformed to ``length``, of
    which the first ``limit`` are wanted."""

    samples: int
    parts: int
    length: int
    inverse: bool = False
    onesided: bool = False
    limit: int | None = None

    @property
    def outputs(self) -> int:
        """How many samples come out."""
        made = self.length // 2 + 1 if self.onesided and not self.inverse else self.length
        return made if self.limit is None else min(made, self.limit)

    @property
    def output_parts(self) -> int:
        """A onesided inverse gives real numbers."""
        return 1 if self.onesided and self.inverse else 2

    @property
    def affordable(self) -> bool:
        """Whether the matrix may be written out."""
        rows, columns = self.samples * self.parts, self.outputs * self.output_parts
        return 0 < rows * columns <= MAX_MATRIX_ENTRIES

    def matrix(self) -> npt.NDArray[np.float64]:
        """[samples * parts, outputs * output_parts]"""
        n, k = np.arange(self.samples)[:, None], np.arange(self.outputs)
        angle = 2 * np.pi * ((n * k) % self.length) / self.length
        used = self.length // 2 + 1 if self.onesided and self.inverse else self.length
        weight = (n < used) / (self.length if self.inverse else 1)
        if self.onesided and self.inverse:  # the missing half is the conjugate
            weight = weight * np.where((n == 0) | (2 * n == self.length), 1, 2)
        cos, sin = weight * _exact(np.cos(angle)), weight * _exact(np.sin(angle))
        if not self.inverse:
            sin = -sin
        # (a + bi)(cos + i sin), parts of the input by parts of the output
        table = np.array([[cos, sin], [-sin, cos]])[: self.parts, : self.output_parts]
        rows = self.samples * self.parts
        return np.asarray(table.transpose(2, 0, 3, 1).reshape(rows, -1), np.float64)


def _exact(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Quarter turns give 0, where NumPy's sine of pi is 1e-16."""
    return np.where(np.abs(values) < 1e-12, 0, values)
