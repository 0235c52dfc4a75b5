"""From z-slabs of g to lines in z, one for each pair of rapidities, and back."""

from itertools import pairwise

import numba
import numpy as np
from numpy.typing import DTypeLike, NDArray

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.fields.layout import PAIR, Fields
from gbbgky_petsc.fields.wavenumbers import Exchange, share


class ZLines:
    """Switch between z-slabs of a square block and lines (Nz, own lines), all z of a pair (i, j) on one rank.

    Of a mirrored slab there is a line for i <= j only: what (j, i) holds at z <= 0 is the half z >= 0 of (i, j).

    Attributes
    ----------
    first, second : (own lines,) i and j of this rank's lines
    """

    def __init__(self, fields: Fields, name: str = PAIR) -> None:
        slab, n, ranks, rank = fields.slab(name), fields.mesh.theta_points, fields.comm.size, fields.comm.rank
        self._slab = slab
        first, second = np.triu_indices(n) if slab.mirrored else np.indices((n, n)).reshape(2, -1)
        shares = share(first.size, ranks)
        own = slice(int(shares[rank]), int(shares[rank + 1]))
        self.first, self.second = first[own], second[own]
        # rows of the exchange: of each rank first its (i, j), then its (j, i)
        halves = [(first[a:b] * n + second[a:b], second[a:b] * n + first[a:b]) for a, b in pairwise(shares)]
        sides = 2 if slab.mirrored else 1
        self._places: NDArray[np.intp] = np.concatenate([side for pair in halves for side in pair[:sides]])
        self._back = np.empty(n * n, np.intp)  # where in a row of the exchange each pair is
        self._back[self._places] = np.arange(self._places.size)
        planes = np.concatenate([[0], np.cumsum(slab.plane_counts)])
        self._exchange = Exchange(fields.comm, planes, sides * shares)

    def to_lines(self, pair: Array, dtype: DTypeLike = np.float64) -> NDArray:
        """(Nz, own lines) in some precision from the slab (planes, N, N). Collective."""
        rows = np.empty((len(pair), self._places.size), dtype)
        _pick(pair.reshape(len(pair), -1), self._places, rows)
        held = self._exchange.to_rows(rows[:, :, None])[:, :, 0]
        if not self._slab.mirrored:
            return held
        own = self.first.size
        return self._slab.unfold(held[:, :own], held[:, own:])

    def to_slabs(self, lines: NDArray, pair: Array) -> None:
        """Fill the slab (planes, N, N) from lines (Nz, own lines). Collective."""
        slab = self._slab
        held = lines[: slab.mirror.size]
        rows = np.concatenate([held, lines[slab.mirror]], axis=1) if slab.mirrored else held
        planes = self._exchange.to_planes(rows[:, :, None])[:, :, 0]
        _pick(planes, self._back, pair.reshape(len(pair), -1))


@numba.njit(cache=True)
def _pick(rows: NDArray, places: NDArray[np.intp], out: NDArray) -> None:
    """out[z, p] = rows[z, places[p]]."""
    for z in range(len(rows)):
        for p in range(places.size):
            out[z, p] = rows[z, places[p]]
