"""Fields symmetric in two rapidities, stored once: (planes, M, N) with M = N(N + 1)/2 unordered pairs and a third."""

import numpy as np
from numpy.typing import NDArray

from gbbgky_petsc.arrays import Array

Indices = NDArray[np.intp]


class SymmetricPairs:
    """The unordered pairs (i, j), i <= j, of N rapidities, in rows: (0, 0), (0, 1), ..., (0, N - 1), (1, 1), ...

    Parameters
    ----------
    points
        N.

    Attributes
    ----------
    first, second : (M,) i and j of each pair
    count : M = N(N + 1)/2
    """

    def __init__(self, points: int) -> None:
        self.points = points
        self.first: Indices
        self.second: Indices
        self.first, self.second = np.triu_indices(points)
        self.count = self.first.size
        #: (N, N) place of either order of a pair
        self._place = np.empty((points, points), np.intp)
        self._place[self.first, self.second] = self._place[self.second, self.first] = np.arange(self.count)

    def pack(self, whole: Array) -> Array:
        """(M,) or (b, M, N) from symmetric (N, N) or (b, N, N, N)."""
        return whole[self.first, self.second] if whole.ndim == 2 else whole[:, self.first, self.second]

    def unpack(self, packed: Array) -> Array:
        """The inverse of `pack`."""
        return packed[self._place] if packed.ndim == 1 else packed[:, self._place]

    def sum_of_one(self, planes: Array) -> Array:
        """sum_j f{ij}k, (b, N, N), of f (b, M, N)."""
        return self.unpack(planes).sum(axis=2)

    def sum_of_each(self, operator: Array, planes: Array) -> Array:
        """(operator x 1 + 1 x operator) f on the two symmetric rapidities, (b, M, N); operator (N, N)."""
        whole = self.unpack(planes)
        moved = np.matmul(operator, whole.reshape(len(planes), self.points, -1)).reshape(whole.shape)
        return moved[:, self.first, self.second] + moved[:, self.second, self.first]

    def rotate(self, operator: Array, planes: Array) -> Array:
        """(operator x operator x operator) f, (b, M, N); operator (N, N)."""
        whole = self.unpack(planes @ operator.T)
        moved = np.matmul(operator, whole.reshape(len(planes), self.points, -1)).reshape(whole.shape)
        return self.pack(np.matmul(operator, moved))
