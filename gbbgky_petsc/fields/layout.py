"""The state (rho, g) on PETSc DMs, and the layouts of g across ranks.

A state vector is a DMComposite: a 1-D DMDA with rho(theta) and, as its last entry, the energy that the
boundary has absorbed (per unit length); then a 3-D DMDA with g on (theta', theta, z), theta' fastest.
Only z is split over ranks (z-slabs), so the dense products in theta stay local; `Wavenumbers` switches
to (theta, theta') pencils for the transform in z and on to slabs of wavenumbers, and back.
"""

from itertools import pairwise

import numpy as np
import scipy.fft
from mpi4py import MPI
from numpy.typing import NDArray
from petsc4py import PETSc

from gbbgky_petsc.discrete.mesh import PhaseSpaceMesh
from gbbgky_petsc.errors import InputError

Array = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]


def share(total: int, ranks: int) -> NDArray[np.int64]:
    """Offsets (ranks + 1,) of an even split of ``total`` items."""
    return np.array([total * r // ranks for r in range(ranks + 1)])


class Fields:
    """Vectors of the hierarchy on a communicator.

    Parameters
    ----------
    mesh
        Phase-space mesh.
    comm
        PETSc communicator; construction and every method that says so are collective.

    Raises
    ------
    InputError
        If there are more ranks than the mesh can be split over.
    """

    def __init__(self, mesh: PhaseSpaceMesh, comm: PETSc.Comm) -> None:
        self.mesh = mesh
        self.comm: MPI.Intracomm = comm.tompi4py()
        n, width, ranks = mesh.theta_points, mesh.stencil.width, comm.getSize()
        most = min(mesh.z_points // width, n)
        if ranks > most:
            raise InputError(
                f"ranks = {ranks}: the mesh of {n} rapidities and {mesh.z_points} separations allows at most {most}"
            )
        kind = PETSc.DM.BoundaryType
        self.one_body_dm = PETSc.DMDA().create(
            dim=1, sizes=(n + 1,), dof=1, stencil_width=0, boundary_type=(kind.NONE,), comm=comm
        )
        self.pair_dm = PETSc.DMDA().create(
            dim=3,
            sizes=(n, n, mesh.z_points),
            proc_sizes=(1, 1, ranks),
            dof=1,
            stencil_width=width,
            stencil_type=PETSc.DMDA.StencilType.STAR,
            boundary_type=(kind.NONE, kind.NONE, kind.PERIODIC if mesh.wraps else kind.NONE),
            comm=comm,
        )
        self.dm = PETSc.DMComposite().create(comm=comm)
        self.dm.addDM(self.one_body_dm)
        self.dm.addDM(self.pair_dm)
        self.dm.setUp()

        (first,), (count,) = self.one_body_dm.getCorners()
        self.one_body_range = slice(first, first + count)
        (_, _, start), (_, _, planes) = self.pair_dm.getCorners()
        self.z_range = slice(start, start + planes)
        self.pair_shape = (planes, n, n)
        self._one_body_counts = self.comm.allgather(count)
        self._plane_counts = self.comm.allgather(planes)

    def create_vector(self) -> PETSc.Vec:
        """A zero state vector. Collective."""
        return self.dm.createGlobalVec()

    def one_body(self, array: Array) -> Array:
        """View of this rank's part of (rho, absorbed energy) in a local state array."""
        return array[: self.one_body_range.stop - self.one_body_range.start]

    def pair(self, array: Array) -> Array:
        """View (planes, N, N) of this rank's slab of g in a local state array, indices z, theta, theta'."""
        return array[self.one_body_range.stop - self.one_body_range.start :].reshape(self.pair_shape)

    def gather_one_body(self, array: Array) -> Array:
        """(N + 1,) of rho and absorbed energy on every rank. Collective."""
        whole = np.empty(self.mesh.theta_points + 1)
        self.comm.Allgatherv(np.ascontiguousarray(self.one_body(array)), (whole, self._one_body_counts))
        return whole

    def gather_planes(self, local: Array) -> Array:
        """(Nz, ...) on every rank from (planes, ...) of each; for moments of g only. Collective."""
        whole = np.empty((self.mesh.z_points, *local.shape[1:]))
        size = int(np.prod(local.shape[1:], dtype=int))
        self.comm.Allgatherv(np.ascontiguousarray(local), (whole, [c * size for c in self._plane_counts]))
        return whole

    def with_halo(self, pair: Array, haloed: Array) -> None:
        """Copy g into the middle of ``haloed`` (planes + 2w, N, N) and fetch w planes from either side. Collective.

        Beyond the ends of a mesh that does not wrap the halo is left as it is (zero).
        """
        w, planes = self.mesh.stencil.width, self.pair_shape[0]
        haloed[w : w + planes] = pair
        ranks, rank = self.comm.size, self.comm.rank
        below, above = (rank - 1) % ranks, (rank + 1) % ranks
        if not self.mesh.wraps:
            below = below if rank > 0 else MPI.PROC_NULL
            above = above if rank < ranks - 1 else MPI.PROC_NULL
        if ranks == 1 and self.mesh.wraps:
            haloed[:w], haloed[w + planes :] = pair[-w:], pair[:w]
            return
        self.comm.Sendrecv(pair[-w:], above, 0, haloed[:w], below, 0)
        self.comm.Sendrecv(pair[:w], below, 1, haloed[w + planes :], above, 1)


class Wavenumbers:
    """Switch between z-slabs of g and slabs of its discrete Fourier transform in z.

    G_k = sum_j g(z_j) exp(-2 pi i j k / Nz) for k = 0..Nz/2 (g is real). On the way the data pass through
    pencils that hold all z for some rows theta. Ranks beyond the number of wavenumbers hold none.
    """

    def __init__(self, fields: Fields) -> None:
        mesh = fields.mesh
        self.comm = fields.comm
        self.points = mesh.z_points
        self.count = mesh.z_points // 2 + 1
        self._n = mesh.theta_points
        ranks = self.comm.size
        self._z = np.concatenate([[0], np.cumsum(fields._plane_counts)])
        self._rows = share(self._n, ranks)
        self._k = share(self.count, ranks)
        self.k_range = slice(int(self._k[self.comm.rank]), int(self._k[self.comm.rank + 1]))
        #: rows theta of this rank's pencils
        self.row_range = slice(int(self._rows[self.comm.rank]), int(self._rows[self.comm.rank + 1]))

    def to_pencils(self, pair: Array) -> Array:
        """Pencils (Nz, own rows, N) of all z from the slab (planes, N, N). Collective."""
        return self._exchange(pair, self._z, self._rows)

    def to_slabs(self, pencil: Array) -> Array:
        """The slab (planes, N, N) from pencils (Nz, own rows, N). Collective."""
        return self._exchange_back(pencil, self._z, self._rows)

    def forward(self, pair: Array) -> ComplexArray:
        """G_k, (own wavenumbers, N, N), from the slab (planes, N, N). Collective."""
        pencil = self.to_pencils(pair)
        return self._exchange_back(scipy.fft.rfft(pencil, axis=0), self._k, self._rows)

    def backward(self, spectrum: ComplexArray) -> Array:
        """The slab (planes, N, N) from G_k, (own wavenumbers, N, N). Collective."""
        pencil = self._exchange(spectrum, self._k, self._rows)
        return self.to_slabs(scipy.fft.irfft(pencil, n=self.points, axis=0))

    def _exchange(self, slab: NDArray, planes: NDArray, rows: NDArray) -> NDArray:
        """(own planes, N, N) -> (all planes, own rows, N)."""
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
        """(all planes, own rows, N) -> (own planes, N, N)."""
        if self.comm.size == 1:
            return pencil
        own_rows = pencil.shape[1]
        own_planes = int(planes[self.comm.rank + 1] - planes[self.comm.rank])
        flat = np.empty(own_planes * self._n * self._n, dtype=pencil.dtype)
        counts = np.diff(rows) * own_planes * self._n
        self.comm.Alltoallv((pencil, np.diff(planes) * own_rows * self._n), (flat, counts))
        slab = np.empty((own_planes, self._n, self._n), dtype=pencil.dtype)
        ends = np.cumsum(counts)
        for a, b, start, end in zip(rows[:-1], rows[1:], ends - counts, ends, strict=True):
            slab[:, a:b] = flat[start:end].reshape(own_planes, b - a, self._n)
        return slab
