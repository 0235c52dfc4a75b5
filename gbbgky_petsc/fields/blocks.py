"""Blocks: the named parts of a state vector, each with its shape and its layout over ranks."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray
from petsc4py import PETSc

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.discrete.mesh import PhaseSpaceMesh


@dataclass(frozen=True)
class BlockSpec(ABC):
    """What an equation says of one of its unknowns.

    Attributes
    ----------
    name
        Unique among the blocks of an equation; also its name in checkpoints.
    """

    name: str

    @abstractmethod
    def numbers(self, mesh: PhaseSpaceMesh) -> int:
        """How many numbers the block holds on all ranks together."""

    @abstractmethod
    def create(self, mesh: PhaseSpaceMesh, comm: PETSc.Comm) -> "Block":
        """The block on the ranks of a communicator. Collective."""


@dataclass(frozen=True)
class Whole(BlockSpec):
    """A small unknown: spread evenly over ranks in the vector, whole on every rank where terms use it.

    Attributes
    ----------
    shape
        Global shape; at least as many numbers as there are ranks.
    """

    shape: tuple[int, ...]

    def numbers(self, mesh: PhaseSpaceMesh) -> int:
        return math.prod(self.shape)

    def create(self, mesh: PhaseSpaceMesh, comm: PETSc.Comm) -> "WholeBlock":
        return WholeBlock(self.name, self.shape, comm)


@dataclass(frozen=True)
class Slab(BlockSpec):
    """An unknown on (z, rows, columns): each rank has some planes z, the same for every slab.

    Attributes
    ----------
    rows, columns
        Of one plane; columns are fastest.
    """

    rows: int
    columns: int

    def numbers(self, mesh: PhaseSpaceMesh) -> int:
        return self.rows * self.columns * mesh.z_points

    def create(self, mesh: PhaseSpaceMesh, comm: PETSc.Comm) -> "SlabBlock":
        return SlabBlock(self.name, mesh, self.rows, self.columns, comm)


class Block(ABC):
    """A part of the state vector on this rank.

    Attributes
    ----------
    name
        Of its `BlockSpec`.
    dm
        PETSc's layout.
    local_size, start, total
        Numbers of this rank, offset of the first of them, and numbers in all, in the block's natural order.
    """

    name: str
    dm: PETSc.DM
    local_size: int
    start: int
    total: int

    @abstractmethod
    def view(self, part: Array) -> Array:
        """This rank's part (local_size,) in its shape."""


class WholeBlock(Block):
    """See `Whole`."""

    def __init__(self, name: str, shape: tuple[int, ...], comm: PETSc.Comm) -> None:
        self.name, self.shape = name, shape
        self.total = int(np.prod(shape))
        kind = PETSc.DM.BoundaryType
        self.dm = PETSc.DMDA().create(
            dim=1, sizes=(self.total,), dof=1, stencil_width=0, boundary_type=(kind.NONE,), comm=comm
        )
        (self.start,), (self.local_size,) = self.dm.getCorners()
        self._comm: MPI.Intracomm = comm.tompi4py()
        self._counts = self._comm.allgather(self.local_size)

    def view(self, part: Array) -> Array:
        return part

    def own(self, whole: Array) -> Array:
        """This rank's part (local_size,) of the whole block."""
        return whole.reshape(-1)[self.start : self.start + self.local_size]

    def gather(self, part: Array) -> Array:
        """The whole block on every rank, from each one's part. Collective."""
        whole = np.empty(self.total)
        self._comm.Allgatherv(np.ascontiguousarray(part), (whole, self._counts))
        return whole.reshape(self.shape)


class SlabBlock(Block):
    """See `Slab`; its planes follow one another in z from rank to rank."""

    def __init__(self, name: str, mesh: PhaseSpaceMesh, rows: int, columns: int, comm: PETSc.Comm) -> None:
        self.name, self.rows, self.columns = name, rows, columns
        self.total = rows * columns * mesh.z_points
        self._width, self._wraps = mesh.stencil.width, mesh.wraps
        kind = PETSc.DM.BoundaryType
        self.dm = PETSc.DMDA().create(
            dim=3,
            sizes=(columns, rows, mesh.z_points),
            proc_sizes=(1, 1, comm.getSize()),
            dof=1,
            stencil_width=mesh.stencil.width,
            stencil_type=PETSc.DMDA.StencilType.STAR,
            boundary_type=(kind.NONE, kind.NONE, kind.PERIODIC if mesh.wraps else kind.NONE),
            comm=comm,
        )
        (_, _, first), (_, _, planes) = self.dm.getCorners()
        self.planes = slice(first, first + planes)
        self.shape = (planes, rows, columns)
        self.local_size, self.start = planes * rows * columns, first * rows * columns
        self._comm: MPI.Intracomm = comm.tompi4py()
        self.plane_counts: list[int] = self._comm.allgather(planes)
        self._haloed: Array | None = None

    def view(self, part: Array) -> Array:
        return part.reshape(self.shape)

    def gather_planes(self, local: Array) -> Array:
        """(Nz, ...) on every rank from (planes, ...) of each; for moments only. Collective."""
        whole = np.empty((sum(self.plane_counts), *local.shape[1:]))
        size = int(np.prod(local.shape[1:], dtype=int))
        self._comm.Allgatherv(np.ascontiguousarray(local), (whole, [c * size for c in self.plane_counts]))
        return whole

    def with_halo(self, slab: NDArray) -> Array:
        """(planes + 2w, rows, columns): the slab with w planes from either side. Collective.

        In work space of the block, valid until the next call. Beyond the ends of an open mesh the halo is zero.
        """
        w, planes = self._width, self.shape[0]
        if self._haloed is None:
            self._haloed = np.zeros((planes + 2 * w, *self.shape[1:]))
        haloed = self._haloed
        haloed[w : w + planes] = slab
        ranks, rank = self._comm.size, self._comm.rank
        if ranks == 1 and self._wraps:
            haloed[:w], haloed[w + planes :] = slab[-w:], slab[:w]
            return haloed
        below, above = (rank - 1) % ranks, (rank + 1) % ranks
        if not self._wraps:
            below = below if rank > 0 else MPI.PROC_NULL
            above = above if rank < ranks - 1 else MPI.PROC_NULL
        self._comm.Sendrecv(slab[-w:], above, 0, haloed[:w], below, 0)
        self._comm.Sendrecv(slab[:w], below, 1, haloed[w + planes :], above, 1)
        return haloed
