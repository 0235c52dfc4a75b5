"""From z-slabs to wavenumbers and back, through pencils that hold all z."""

from itertools import pairwise

import numpy as np
import scipy.fft
from mpi4py import MPI
from numpy.typing import NDArray

from gbbgky_petsc.arrays import Array, ComplexArray
from gbbgky_petsc.fields.layout import PAIR, Fields


def share(total: int, ranks: int) -> NDArray[np.int64]:
    """Offsets (ranks + 1,) of an even split of ``total`` items."""
    return np.array([total * r // ranks for r in range(ranks + 1)])


class Exchange:
    """Redistribution of planes (own planes, rows, columns) to (all planes, own rows, columns) and back.

    Parameters
    ----------
    comm
        Communicator of the ranks.
    planes, rows : (ranks + 1,) offsets of each rank's share
    """

    def __init__(self, comm: MPI.Intracomm, planes: NDArray[np.int64], rows: NDArray[np.int64]) -> None:
        self._comm, self._planes, self._rows = comm, planes, rows
        rank = comm.rank
        #: rows of this rank
        self.row_range = slice(int(rows[rank]), int(rows[rank + 1]))
        self._own_planes = int(planes[rank + 1] - planes[rank])

    def to_rows(self, slab: NDArray) -> NDArray:
        """(own planes, rows, columns) -> (all planes, own rows, columns). Collective."""
        if self._comm.size == 1:
            return slab
        columns, own_rows = slab.shape[2], self.row_range.stop - self.row_range.start
        send = np.concatenate([slab[:, a:b].ravel() for a, b in pairwise(self._rows)])
        pencil = np.empty((int(self._planes[-1]), own_rows, columns), dtype=slab.dtype)
        self._comm.Alltoallv(
            (send, np.diff(self._rows) * self._own_planes * columns),
            (pencil, np.diff(self._planes) * own_rows * columns),
        )
        return pencil

    def to_planes(self, pencil: NDArray) -> NDArray:
        """(all planes, own rows, columns) -> (own planes, rows, columns). Collective."""
        if self._comm.size == 1:
            return pencil
        _, own_rows, columns = pencil.shape
        flat = np.empty(self._own_planes * int(self._rows[-1]) * columns, dtype=pencil.dtype)
        counts = np.diff(self._rows) * self._own_planes * columns
        self._comm.Alltoallv((np.ascontiguousarray(pencil), np.diff(self._planes) * own_rows * columns), (flat, counts))
        slab = np.empty((self._own_planes, int(self._rows[-1]), columns), dtype=pencil.dtype)
        ends = np.cumsum(counts)
        for a, b, start, end in zip(self._rows[:-1], self._rows[1:], ends - counts, ends, strict=True):
            slab[:, a:b] = flat[start:end].reshape(self._own_planes, b - a, columns)
        return slab


class Wavenumbers:
    """Switch between z-slabs of a block and slabs of its discrete Fourier transform in z.

    G_k = sum_j g(z_j) exp(-2 pi i j k / Nz) for k = 0..Nz/2 (g is real). On the way the data pass through
    pencils that hold all z, also of mirrored slabs, for some rows. Ranks beyond the number of wavenumbers hold none.
    """

    def __init__(self, fields: Fields, name: str = PAIR) -> None:
        mesh, slab = fields.mesh, fields.slab(name)
        self._slab = slab
        self.comm = fields.comm
        self.points = mesh.z_points
        self.count = mesh.z_points // 2 + 1
        ranks = self.comm.size
        held = np.concatenate([[0], np.cumsum(slab.plane_counts)])
        rows, k = share(slab.rows, ranks), share(self.count, ranks)
        self._pencils, self._spectra = Exchange(self.comm, held, rows), Exchange(self.comm, k, rows)
        self.k_range = slice(int(k[self.comm.rank]), int(k[self.comm.rank + 1]))
        #: rows of this rank's pencils
        self.row_range = self._pencils.row_range

    def to_pencils(self, pair: Array) -> Array:
        """Pencils (Nz, own rows, columns) of all z from the slab (planes, rows, columns). Collective."""
        held = self._pencils.to_rows(pair)
        if not self._slab.mirrored:
            return held
        return self._slab.unfold(held, self._pencils.to_rows(pair.swapaxes(1, 2)))

    def to_slabs(self, pencil: Array) -> Array:
        """The slab (planes, rows, columns) from pencils (Nz, own rows, columns). Collective."""
        return self._pencils.to_planes(pencil[: sum(self._slab.plane_counts)])

    def forward(self, pair: Array) -> ComplexArray:
        """G_k, (own wavenumbers, rows, columns), from the slab (planes, rows, columns). Collective."""
        return self._spectra.to_planes(scipy.fft.rfft(self.to_pencils(pair), axis=0))

    def backward(self, spectrum: ComplexArray) -> Array:
        """The slab (planes, rows, columns) from G_k, (own wavenumbers, rows, columns). Collective."""
        pencil = self._spectra.to_rows(spectrum)
        return self.to_slabs(scipy.fft.irfft(pencil, n=self.points, axis=0))
