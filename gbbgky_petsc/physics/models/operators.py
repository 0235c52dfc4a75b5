"""Matrices on rapidities that act in O(N) per vector: what hard rods have in the place of dense ones."""

from dataclasses import dataclass
from typing import Protocol

import numba
import numpy as np

from gbbgky_petsc.arrays import Array


class Operator(Protocol):
    """An (N, N) matrix M as far as it acts on planes, (b, N, N) in C order; ``out`` is overwritten."""

    def left(self, planes: Array, out: Array) -> None:
        """out = M planes."""

    def right(self, planes: Array, out: Array) -> None:
        """out = planes M^T."""

    def add_both(self, signs: tuple[float, float], planes: Array, out: Array, work: Array) -> None:
        """out += signs[0] M planes + signs[1] planes M^T; ``work``, of the same shape, may be overwritten."""

    def matrix(self) -> Array:
        """M, (N, N)."""


@dataclass(frozen=True)
class Dense:
    """Any matrix: O(N^3) for a plane.

    Attributes
    ----------
    values : (N, N)
    """

    values: Array

    def left(self, planes: Array, out: Array) -> None:
        np.matmul(self.values, planes, out=out)

    def right(self, planes: Array, out: Array) -> None:
        np.matmul(planes, self.values.T, out=out)

    def add_both(self, signs: tuple[float, float], planes: Array, out: Array, work: Array) -> None:
        for sign, multiply in zip(signs, (self.left, self.right), strict=True):
            multiply(planes, work)
            if sign > 0:
                out += work
            else:
                out -= work

    def matrix(self) -> Array:
        return self.values


@dataclass(frozen=True)
class LowRank:
    """diag(d) + columns rows: O(N^2) for a plane.

    Attributes
    ----------
    diagonal : (N,) d
    columns, rows : (N, r), (r, N)
    """

    diagonal: Array
    columns: Array
    rows: Array

    def left(self, planes: Array, out: Array) -> None:
        _low_rank_left(self.diagonal, self.columns, self.rows, planes, out)

    def right(self, planes: Array, out: Array) -> None:
        _low_rank_right(self.diagonal, self.columns, self.rows, planes, out)

    def add_both(self, signs: tuple[float, float], planes: Array, out: Array, work: Array) -> None:
        _low_rank_both(self.diagonal, self.columns, self.rows, *signs, planes, out)

    def matrix(self) -> Array:
        return np.diag(self.diagonal) + self.columns @ self.rows


@dataclass(frozen=True)
class Distance:
    """diag(d) + column |i - j|, by running sums: O(N^2) for a plane.

    Attributes
    ----------
    diagonal, column : (N,)
    """

    diagonal: Array
    column: Array

    def left(self, planes: Array, out: Array) -> None:
        out[...] = 0.0
        _distance_both(self.diagonal, self.column, 1.0, 0.0, planes, out)

    def right(self, planes: Array, out: Array) -> None:
        out[...] = 0.0
        _distance_both(self.diagonal, self.column, 0.0, 1.0, planes, out)

    def add_both(self, signs: tuple[float, float], planes: Array, out: Array, work: Array) -> None:
        _distance_both(self.diagonal, self.column, *signs, planes, out)

    def matrix(self) -> Array:
        index = np.arange(self.diagonal.size)
        return np.diag(self.diagonal) + self.column[:, None] * np.abs(index[:, None] - index[None, :])


def structured(matrix: Array, form: Operator) -> Operator:
    """``form`` if it is the matrix to rounding, else the matrix itself: a background may have been changed by hand."""
    same = np.abs(form.matrix() - matrix).max() <= 1e-13 * np.abs(matrix).max()
    return form if same else Dense(matrix)


@numba.njit(cache=True, fastmath=True)
def _low_rank_left(diagonal: Array, columns: Array, rows: Array, planes: Array, out: Array) -> None:
    n, rank = columns.shape
    moment = np.empty(n)
    for z in range(len(planes)):
        for i in range(n):
            for j in range(n):
                out[z, i, j] = diagonal[i] * planes[z, i, j]
        for r in range(rank):
            moment[:] = 0.0
            for i in range(n):
                for j in range(n):
                    moment[j] += rows[r, i] * planes[z, i, j]
            for i in range(n):
                for j in range(n):
                    out[z, i, j] += columns[i, r] * moment[j]


@numba.njit(cache=True, fastmath=True)
def _low_rank_right(diagonal: Array, columns: Array, rows: Array, planes: Array, out: Array) -> None:
    n, rank = columns.shape
    for z in range(len(planes)):
        for i in range(n):
            for j in range(n):
                out[z, i, j] = planes[z, i, j] * diagonal[j]
            for r in range(rank):
                moment = 0.0
                for j in range(n):
                    moment += planes[z, i, j] * rows[r, j]
                for j in range(n):
                    out[z, i, j] += moment * columns[j, r]


@numba.njit(cache=True, fastmath=True)
def _low_rank_both(
    diagonal: Array, columns: Array, rows: Array, left: float, right: float, planes: Array, out: Array
) -> None:
    n, rank = columns.shape
    below, beside = np.empty((rank, n)), np.empty(rank)
    for z in range(len(planes)):
        below[:] = 0.0
        for i in range(n):
            for r in range(rank):
                for j in range(n):
                    below[r, j] += rows[r, i] * planes[z, i, j]
        for i in range(n):
            for r in range(rank):
                moment = 0.0
                for j in range(n):
                    moment += planes[z, i, j] * rows[r, j]
                beside[r] = right * moment
            for j in range(n):
                out[z, i, j] += (left * diagonal[i] + right * diagonal[j]) * planes[z, i, j]
            for r in range(rank):
                for j in range(n):
                    out[z, i, j] += left * columns[i, r] * below[r, j] + beside[r] * columns[j, r]


@numba.njit(cache=True)
def _distance_both(diagonal: Array, column: Array, left: float, right: float, planes: Array, out: Array) -> None:
    n = diagonal.size
    total, below, first = np.empty(n), np.empty(n), np.empty(n)
    for z in range(len(planes)):
        total[:] = 0.0
        first[:] = 0.0
        below[:] = 0.0
        for i in range(n):
            for j in range(n):
                total[j] += planes[z, i, j]
                first[j] += i * planes[z, i, j]
        for i in range(n):
            # first = sum_k |i - k| planes_k, below = sum_(k <= i) planes_k
            for j in range(n):
                value = planes[z, i, j]
                below[j] += value
                out[z, i, j] += (left * diagonal[i] + right * diagonal[j]) * value + left * column[i] * first[j]
                first[j] += 2.0 * below[j] - total[j]
            row_total, row_first, row_below = 0.0, 0.0, 0.0
            for j in range(n):
                row_total += planes[z, i, j]
                row_first += j * planes[z, i, j]
            for j in range(n):  # the same along the row
                row_below += planes[z, i, j]
                out[z, i, j] += right * row_first * column[j]
                row_first += 2.0 * row_below - row_total
