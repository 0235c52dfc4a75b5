"""The state vector: blocks one after the other on a PETSc DMComposite, and how terms read and write it."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property

import numba
import numpy as np
from mpi4py import MPI
from petsc4py import PETSc

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.discrete.mesh import PhaseSpaceMesh
from gbbgky_petsc.errors import InputError
from gbbgky_petsc.fields.blocks import Block, BlockSpec, Slab, SlabBlock, Whole, WholeBlock

#: rho(theta) and, as its last entry, the energy per unit length that the boundary has absorbed
ONE_BODY = "one_body"
#: g on (z, theta, theta')
PAIR = "pair"


def one_body_and_pair(mesh: PhaseSpaceMesh, mirrored: bool = False) -> tuple[BlockSpec, ...]:
    """The unknowns of layers 1 and 2; ``mirrored``: exchange symmetry g_ij(z) = g_ji(-z) is in the storage."""
    n = mesh.theta_points
    return (Whole(ONE_BODY, (n + 1,)), Slab(PAIR, n, n, mirrored))


class Fields:
    """Named blocks on a communicator.

    Parameters
    ----------
    mesh
        Phase-space mesh.
    comm
        PETSc communicator; construction and every method that says so are collective.
    specs
        The unknowns, by default those of layers 1 and 2.

    Raises
    ------
    InputError
        If there are more ranks than the mesh can be split over.
    """

    def __init__(self, mesh: PhaseSpaceMesh, comm: PETSc.Comm, specs: Iterable[BlockSpec] | None = None) -> None:
        self.mesh = mesh
        self.comm: MPI.Intracomm = comm.tompi4py()
        specs = list(one_body_and_pair(mesh) if specs is None else specs)
        _check_ranks(mesh, specs, comm.getSize())
        self.dm = PETSc.DMComposite().create(comm=comm)
        self.blocks: dict[str, Block] = {}
        self._parts: dict[str, slice] = {}
        start = 0
        for spec in specs:
            if spec.name in self.blocks:
                raise ValueError(f"two blocks of the name {spec.name}")
            block = spec.create(mesh, comm)
            self.blocks[spec.name] = block
            self._parts[spec.name] = slice(start, start + block.local_size)
            start += block.local_size
            self.dm.addDM(block.dm)
        self.dm.setUp()

    def create_vector(self) -> PETSc.Vec:
        """A zero state vector. Collective."""
        return self.dm.createGlobalVec()

    @property
    def wholes(self) -> list[str]:
        """Names of the blocks that are whole on every rank."""
        return [name for name, block in self.blocks.items() if isinstance(block, WholeBlock)]

    @property
    def slabs(self) -> list[str]:
        """Names of the blocks that are split in z."""
        return [name for name, block in self.blocks.items() if isinstance(block, SlabBlock)]

    def whole(self, name: str) -> WholeBlock:
        """A block that is whole on every rank."""
        block = self.blocks[name]
        assert isinstance(block, WholeBlock)
        return block

    def slab(self, name: str = PAIR) -> SlabBlock:
        """A block that is split in z."""
        block = self.blocks[name]
        assert isinstance(block, SlabBlock)
        return block

    def part(self, array: Array, name: str) -> Array:
        """View of this rank's part of a block in a local state array; planes (planes, rows, columns) of a slab."""
        return self.blocks[name].view(array[self._parts[name]])

    def gather(self, array: Array, name: str) -> Array:
        """A whole block on every rank from a local state array. Collective."""
        return self.whole(name).gather(self.part(array, name))

    def store(self, array: Array, values: Mapping[str, Array]) -> None:
        """Write blocks, whole ones whole and slabs this rank's, into a local state array."""
        for name, value in values.items():
            block = self.blocks[name]
            part = self.part(array, name)
            part[...] = block.own(value) if isinstance(block, WholeBlock) else value
            if isinstance(block, SlabBlock):
                block.symmetrise(part)

    def read(self, array: Array) -> "State":
        """What terms read of a local state array."""
        return State(self, array)

    def destroy(self) -> None:
        """Free PETSc objects. Collective."""
        self.dm.destroy()
        for block in self.blocks.values():
            block.dm.destroy()


def _check_ranks(mesh: PhaseSpaceMesh, specs: Sequence[BlockSpec], ranks: int) -> None:
    n, most = mesh.theta_points, mesh.theta_points
    slabs = [spec for spec in specs if isinstance(spec, Slab)]
    if slabs:
        most = min(slabs[0].held(mesh), n)
    if ranks > most:
        raise InputError(
            f"ranks = {ranks}: the mesh of {n} rapidities and {mesh.z_points} separations allows at most {most}"
        )


class State:
    """A state vector as terms read it: whole blocks whole, slabs this rank's, each gathered once.

    Parameters
    ----------
    fields
        Layout.
    array
        Local state array, or None where all ``values`` are given.
    values
        Blocks that are known already.
    """

    def __init__(self, fields: Fields, array: Array | None, values: Mapping[str, Array] | None = None) -> None:
        self.fields = fields
        self._array = array
        self._values = dict(values or {})

    def __getitem__(self, name: str) -> Array:
        """A block. Collective for whole ones."""
        if name not in self._values:
            assert self._array is not None
            whole = isinstance(self.fields.blocks[name], WholeBlock)
            self._values[name] = self.fields.gather(self._array, name) if whole else self.fields.part(self._array, name)
        return self._values[name]

    @property
    def rho(self) -> Array:
        """(N,) on every rank. Collective."""
        return self[ONE_BODY][:-1]

    def detached(self, slabs: Collection[str] = ()) -> "State":
        """Whole blocks, moments of g and copies of the named slabs, without a view of the vector. Collective."""
        kept = State(self.fields, None, {name: self[name].copy() for name in (*self.fields.wholes, *slabs)})
        kept.moments = self.moments
        return kept

    @cached_property
    def haloed(self) -> Array:
        """g with w further planes on either side, valid until the next state's. Collective."""
        return self.fields.slab().with_halo(self[PAIR])

    @cached_property
    def moments(self) -> tuple[Array, Array]:
        """m_theta(z) = int dtheta' g and its mirror int dtheta g, each (Nz, N) on every rank. Collective."""
        pair, weight = self[PAIR], self.fields.mesh.theta_weight
        local = np.zeros((len(pair), 2, pair.shape[1]))
        _add_moments(np.ascontiguousarray(pair), weight, local)
        slab = self.fields.slab()
        m, mirror = slab.gather_planes(local).swapaxes(0, 1)
        return slab.unfold(m, mirror), slab.unfold(mirror, m)


class Rate:
    """A vector as terms write it: they add to slabs in place, and to whole blocks the same on every rank.

    Parameters
    ----------
    fields
        Layout.
    array
        Local array that receives the sum, overwritten; `close` completes it.
    """

    def __init__(self, fields: Fields, array: Array) -> None:
        array[:] = 0.0
        self._fields, self._array = fields, array
        self._values = {
            name: np.zeros(block.shape) if isinstance(block, WholeBlock) else fields.part(array, name)
            for name, block in fields.blocks.items()
        }

    def __getitem__(self, name: str) -> Array:
        return self._values[name]

    def close(self) -> None:
        """Write this rank's parts of whole blocks; planes that mirror themselves become symmetric to the last bit."""
        for name in self._fields.slabs:
            self._fields.slab(name).symmetrise(self._values[name])
        whole = {n: v for n, v in self._values.items() if isinstance(self._fields.blocks[n], WholeBlock)}
        self._fields.store(self._array, whole)


@numba.njit(cache=True, fastmath=True)
def _add_moments(pair: Array, weight: float, out: Array) -> None:
    """out[z, 0] += weight sum of columns, out[z, 1] += weight sum of rows, in one pass."""
    planes, n, _ = pair.shape
    for z in range(planes):
        for i in range(n):
            total = 0.0
            for j in range(n):
                total += pair[z, i, j]
                out[z, 1, j] += weight * pair[z, i, j]
            out[z, 0, i] += weight * total
