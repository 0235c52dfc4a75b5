"""Blocks: the named parts of a state vector, each with its shape and its layout over ranks."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

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

    def unfolded(self, mesh: PhaseSpaceMesh) -> int:
        """The same without the use of any symmetry."""
        return self.numbers(mesh)

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
    """An unknown on (z, rows, columns): each rank has some planes z, the same for every slab of an equation.

    Attributes
    ----------
    rows, columns
        Of one plane; columns are fastest.
    mirrored
        The plane at -z is the transposed one at z: only planes z <= 0 are held.
    """

    rows: int
    columns: int
    mirrored: bool = False

    def held(self, mesh: PhaseSpaceMesh) -> int:
        """Number of planes that are held."""
        return mesh.z_points // 2 + 1 if self.mirrored else mesh.z_points

    def numbers(self, mesh: PhaseSpaceMesh) -> int:
        return self.rows * self.columns * self.held(mesh)

    def unfolded(self, mesh: PhaseSpaceMesh) -> int:
        return self.rows * self.columns * mesh.z_points

    def create(self, mesh: PhaseSpaceMesh, comm: PETSc.Comm) -> "SlabBlock":
        return SlabBlock(self, mesh, comm)


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
    """See `Slab`; its planes follow one another in z from rank to rank.

    Attributes
    ----------
    planes
        Those of this rank, in the z-mesh.
    multiplicity : (planes,) 2 for a plane that stands for its mirror image as well, else 1
    mirror : (held planes,) where on the z-mesh the mirror image of each is
    plane_counts
        Number of planes of each rank.
    unfolded_total
        Numbers of the block on all of the z-mesh.
    """

    def __init__(self, spec: Slab, mesh: PhaseSpaceMesh, comm: PETSc.Comm) -> None:
        self.name, self.rows, self.columns, self.mirrored = spec.name, spec.rows, spec.columns, spec.mirrored
        held = spec.held(mesh)
        self.total, self.unfolded_total = spec.numbers(mesh), spec.unfolded(mesh)
        self._width, self._z_points, self._wraps = mesh.stencil.width, mesh.z_points, mesh.wraps
        self.dm = PETSc.DMDA().create(
            dim=3,
            sizes=(self.columns, self.rows, held),
            proc_sizes=(1, 1, comm.getSize()),
            dof=1,
            stencil_width=0,  # see with_halo
            boundary_type=(PETSc.DM.BoundaryType.NONE,) * 3,
            comm=comm,
        )
        (_, _, first), (_, _, planes) = self.dm.getCorners()
        self.planes = slice(first, first + planes)
        self.shape = (planes, self.rows, self.columns)
        self.local_size, self.start = planes * self.rows * self.columns, first * self.rows * self.columns
        points = np.arange(held)
        self.mirror = self._image(points)
        folded = self.mirrored & (self.mirror != points)
        self.multiplicity = np.where(folded, 2.0, 1.0)[self.planes]
        self._self_mirrored = np.flatnonzero(self.multiplicity == 1.0) if self.mirrored else np.empty(0, int)
        self._comm: MPI.Intracomm = comm.tompi4py()
        self.plane_counts: list[int] = self._comm.allgather(planes)
        self._haloed: Array | None = None
        self._halo = self._halo_of(self._comm.rank)
        self._asked = [h for rank in range(self._comm.size) for h in self._halo_of(rank) if h.source == self._comm.rank]

    def _image(self, point: Any) -> Any:
        """Where on the z-mesh the mirror image of points is."""
        return -point % self._z_points if self._wraps else self._z_points - 1 - point

    def view(self, part: Array) -> Array:
        return part.reshape(self.shape)

    def gather_planes(self, local: Array) -> Array:
        """(held planes, ...) on every rank from (planes, ...) of each; for moments only. Collective."""
        whole = np.empty((sum(self.plane_counts), *local.shape[1:]))
        size = int(np.prod(local.shape[1:], dtype=int))
        self._comm.Allgatherv(np.ascontiguousarray(local), (whole, [c * size for c in self.plane_counts]))
        return whole

    def unfold(self, held: NDArray, mirror: NDArray) -> NDArray:
        """(Nz, ...) on the whole mesh from values on all held planes and those that their mirror images have."""
        if not self.mirrored:
            return held
        whole = np.empty((self._z_points, *held.shape[1:]), held.dtype)
        whole[self.mirror] = mirror
        whole[: len(held)] = held
        return whole

    def reflection(self, slab: Array) -> tuple[int, Array]:
        """The planes that this rank's stand for, and which number of the block on all of the z-mesh is their first."""
        folded = np.flatnonzero(self.multiplicity > 1.0)[::-1]
        first = int(self.mirror[self.planes][folded[0]]) if folded.size else 0
        return first * self.rows * self.columns, np.ascontiguousarray(slab[folded].swapaxes(1, 2))

    def symmetrise(self, slab: Array) -> None:
        """Remove what rounding has put into planes that are their own mirror image and are not symmetric.

        A line in z of the pair (i, j) holds such a plane once, so no preconditioner would.
        """
        for plane in self._self_mirrored:
            slab[plane] = 0.5 * (slab[plane] + slab[plane].T)

    def with_halo(self, slab: NDArray) -> Array:
        """(planes + 2w, rows, columns): the slab with w planes from either side. Collective.

        In work space of the block, valid until the next call. Beyond the ends of an open mesh the halo is zero.
        """
        w, planes, comm = self._width, self.shape[0], self._comm
        if self._haloed is None:
            self._haloed = np.zeros((planes + 2 * w, *self.shape[1:]))
        haloed = self._haloed
        haloed[w : w + planes] = slab
        requests = [comm.Irecv(haloed[h.place], h.source, h.place) for h in self._halo if h.source != comm.rank]
        requests += [comm.Isend(slab[h.plane], h.target, h.place) for h in self._asked if h.target != comm.rank]
        for h in self._halo:
            if h.source == comm.rank:
                haloed[h.place] = slab[h.plane]
        MPI.Request.Waitall(requests)
        for h in self._halo:
            if h.turned:
                haloed[h.place] = haloed[h.place].T.copy()
        return haloed

    def _halo_of(self, rank: int) -> list["_HaloPlane"]:
        """What a rank needs of others, or of itself, beyond its planes."""
        w, ends = self._width, np.cumsum(self.plane_counts)
        first, stop = int(ends[rank]) - self.plane_counts[rank], int(ends[rank])
        found = []
        for z in (*range(first - w, first), *range(stop, stop + w)):
            point = z % self._z_points if self._wraps else z
            if not 0 <= point < self._z_points:
                continue
            turned = point >= self.mirror.size
            plane = self._image(point) if turned else point
            source = int(np.searchsorted(ends, plane, side="right"))
            local = plane - int(ends[source]) + self.plane_counts[source]
            found.append(_HaloPlane(z - first + w, rank, source, local, turned))
        return found


@dataclass(frozen=True)
class _HaloPlane:
    """A plane that one rank copies from another.

    Attributes
    ----------
    place, target
        Where it goes, among the haloed planes of which rank.
    source, plane
        Where it is, among the planes of which rank.
    turned
        Whether it is transposed there, being the mirror image of the one that is needed.
    """

    place: int
    target: int
    source: int
    plane: int
    turned: bool
