"""From z-slabs to wavenumbers and back, through pencils that hold all z."""

from itertools import pairwise

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from gbbgky_petsc.arrays import Array, ComplexArray
from gbbgky_petsc.fields.layout import PAIR, Fields


def share(total: int, ranks: int) -> NDArray[np.int64]:
    """Offsets (ranks + 1,) of an even split of ``total`` items."""
    return np.array([total * r // ranks for r in range(ranks + 1)])


class Wavenumbers:
    """Switch between z-slabs of a block and slabs of its discrete Fourier transform in z.

    G_k = sum_j g(z_j) exp(-2 pi i j k / Nz) for k = 0..Nz/2 (g is real). On the way the data pass through
    pencils that hold all z for some rows. Ranks beyond the number of wavenumbers hold none.
    """

    def __init__(self, fields: Fields, name: str = PAIR) -> None:
        mesh, slab = fields.mesh, fields.slab(name)
        self.comm = fields.comm
        self.points = mesh.z_points
        self.count = mesh.z_points // 2 + 1
        self._n = slab.columns
        ranks = self.comm.size
        self._z = np.concatenate([[0], np.cumsum(slab.plane_counts)])
        self._rows = share(slab.rows, ranks)
        self._k = share(self.count, ranks)
        self.k_range = slice(int(self._k[self.comm.rank]), int(self._k[self.comm.rank + 1]))
        #: rows of this rank's pencils
        self.row_range = slice(int(self._rows[self.comm.rank]), int(self._rows[self.comm.rank + 1]))

    def to_pencils(self, pair: Array) -> Array:
        """Pencils (Nz, own rows, columns) of all z from the slab (planes, rows, columns). Collective."""
        return self._exchange(pair, self._z, self._rows)

    def to_slabs(self, pencil: Array) -> Array:
        """The slab (planes, rows, columns) from pencils (Nz, own rows, columns). Collective."""
        return self._exchange_back(pencil, self._z, self._rows)

    def forward(self, pair: Array) -> ComplexArray:
        """G_k, (own wavenumbers, rows, columns), from the slab (planes, rows, columns). Collective."""
        pencil = self.to_pencils(pair)
        return self._exchange_back(scipy.fft.rfft(pencil, axis=0), self._k, self._rows)

    def backward(self, spectrum: ComplexArray) -> Array:
        """The slab (planes, rows, columns) from G_k, (own wavenumbers, rows, columns). Collective."""
        pencil = self._exchange(spectrum, self._k, self._rows)
        return self.to_slabs(scipy.fft.irfft(pencil, n=self.points, axis=0))

    def _exchange(self, slab: NDArray, planes: NDArray, rows: NDArray) -> NDArray:
        """(own planes, rows, columns) -> (all planes, own rows, columns)."""
        if self.comm.size == 1:
            return slab
        own_rows = int(rows[self.comm.rank + 1] - rows[self.comm.rank])
        own_planes = slab.shape[0]
        send = np.concatenate([slab[:, a:b].ravel() for a, b in pairwise(rows)])
        pencil = np.empty((int(planes[-1]), own_rows, self._n), dtype=slab.dtype)
        self.comm.Alltoallv(
            (send, np.diff(rows) * own_planes * self._n), (pencil, np.diff(planes) * own_rows * self._n)
        )
        return pencil

    def _exchange_back(self, pencil: NDArray, planes: NDArray, rows: NDArray) -> NDArray:
        """(all planes, own rows, columns) -> (own planes, rows, columns)."""
        if self.comm.size == 1:
            return pencil
        own_rows = pencil.shape[1]
        own_planes = int(planes[self.comm.rank + 1] - planes[self.comm.rank])
        flat = np.empty(own_planes * int(rows[-1]) * self._n, dtype=pencil.dtype)
        counts = np.diff(rows) * own_planes * self._n
        self.comm.Alltoallv((pencil, np.diff(planes) * own_rows * self._n), (flat, counts))
        slab = np.empty((own_planes, int(rows[-1]), self._n), dtype=pencil.dtype)
        ends = np.cumsum(counts)
        for a, b, start, end in zip(rows[:-1], rows[1:], ends - counts, ends, strict=True):
            slab[:, a:b] = flat[start:end].reshape(own_planes, b - a, self._n)
        return slab
