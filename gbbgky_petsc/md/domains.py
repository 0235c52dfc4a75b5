"""One ring over the ranks of a communicator, by index ranges.

Rods never overtake, so an index range is a stretch of the ring and stays with its rank for ever. A rank exchanges with
its two neighbours the rods that can matter: those within twice the longest flight for the drift, those within the
mesh force's reach for the force; the Fourier force instead sums its modes over the ranks. No rank ever holds the ring.
"""

from dataclasses import dataclass

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

from gbbgky_petsc.errors import InputError
from gbbgky_petsc.md.forces import Force, MeshForce, partial_sums
from gbbgky_petsc.md.kernels import collides, move, touching_jump
from gbbgky_petsc.md.rods import Ring
from gbbgky_petsc.md.stepper import steps_for

Array = NDArray[np.float64]

#: fewest rods of a domain
SMALLEST_DOMAIN = 64
#: allowance for what kicks inside collisions add to the longest flight
FLIGHT_MARGIN = 1.25


@dataclass(frozen=True)
class _Halo:
    """Contracted positions, velocities and forces of the rods at a neighbour's near end."""

    left: Array
    right: Array


class DomainRing:
    """A ring whose rods first..last-1 live on this rank.

    All methods are collective over ``comm`` unless they say otherwise.

    Parameters
    ----------
    comm
        Communicator of the ranks that share the ring.
    ring, force
        Geometry and force (`choose_force`).
    y, v
        (n,) contracted positions and velocities of this rank's rods, see `index_range`; copied.

    Raises
    ------
    InputError
        If a domain would hold fewer than 64 rods.
    """

    def __init__(self, comm: MPI.Comm, ring: Ring, force: Force, y: Array, v: Array) -> None:
        check_domains(ring, comm.size)
        self.comm, self.ring, self.force = comm, ring, force
        self.first, self.last = index_range(ring.particles, comm.size, comm.rank)
        self.y, self.v = y.copy(), v.copy()

    @property
    def positions(self) -> Array:
        """(n,) positions of this rank's rods; local."""
        return self.y + self.ring.rod * np.arange(self.first, self.last)

    def _swap(self, to_left: Array, to_right: Array) -> tuple[Array, Array]:
        """What the left neighbour sent to its right and the right neighbour to its left."""
        rank, size = self.comm.rank, self.comm.size
        left, right = (rank - 1) % size, (rank + 1) % size
        from_left = self.comm.sendrecv(to_right, dest=right, sendtag=1, source=left, recvtag=1)
        from_right = self.comm.sendrecv(to_left, dest=left, sendtag=2, source=right, recvtag=2)
        return from_left, from_right

    def _lifted(self, pair: tuple[Array, Array], circumference: float) -> _Halo:
        """Halo with the positions (row 0) of rods beyond the ring's ends shifted by one turn."""
        left, right = (np.array(part, ndmin=2) for part in pair)
        left[0] -= circumference if self.comm.rank == 0 else 0.0
        right[0] += circumference if self.comm.rank == self.comm.size - 1 else 0.0
        return _Halo(left, right)

    def _halo_counts(self, span: float) -> tuple[int, int]:
        """Rods at both ends that lie within ``span`` (contracted) of the end, one more each; not more than all."""
        low = int(np.searchsorted(self.y, self.y[0] + span)) + 1
        high = int(self.y.size - np.searchsorted(self.y, self.y[-1] - span)) + 1
        short = self.comm.allreduce(int(max(low, high) > self.y.size), op=MPI.MAX)
        if short:
            raise InputError(
                f"md.ranks_per_ring = {self.comm.size}: rods fly further than a domain is long in one step; "
                "allowed: fewer ranks or a smaller md.step"
            )
        return low, high

    def _drift_halo(self, force: Array, counts: tuple[int, int]) -> _Halo:
        rows = np.stack([self.y, self.v, force])
        return self._lifted(self._swap(rows[:, : counts[0]], rows[:, -counts[1] :]), self.ring.contracted)

    def _sources(self) -> Array:
        """Positions of this rank's rods and of those within the mesh force's reach, in order."""
        assert isinstance(self.force, MeshForce)
        x, reach = self.positions, self.force.reach
        short = self.comm.allreduce(int(x[-1] - x[0] < reach), op=MPI.MAX)
        if short:
            raise InputError(
                f"md.ranks_per_ring = {self.comm.size}: domains shorter than the force's reach {reach:g}; "
                "allowed: fewer ranks"
            )
        low, high = np.searchsorted(x, x[0] + reach), np.searchsorted(x, x[-1] - reach)
        halo = self._lifted(self._swap(x[:low], x[high:]), self.ring.circumference)
        return np.concatenate([halo.left[0], x, halo.right[0]])

    def forces(self) -> Array:
        """(n,) forces on this rank's rods."""
        x = self.positions
        if isinstance(self.force, MeshForce):
            force = self.force.evaluate(x, self._sources())[1]
            # splines conserve momentum up to the mesh error; the mean force is that error
            return np.asarray(force - self.comm.allreduce(float(force.sum())) / self.ring.particles)
        if self.force.spectrum.size == 0:
            return np.zeros(x.size)
        return self.force.forces(x, self._total(self.force.sums(x)))

    def _total(self, part: Array) -> Array:
        whole = np.empty_like(part)
        self.comm.Allreduce(part, whole)
        return whole

    def advance(self, duration: float, step: float, integrator: str = "splitting") -> None:
        """Move by ``duration`` > 0 with the steps of `stepper.advance` (one sweep).

        Raises
        ------
        InputError
            For the reference integrator, or domains too short for the step or the force.
        """
        if integrator not in ("splitting", "plain"):
            raise InputError(
                f"md.integrator = {integrator!r}: on one ring over several ranks; allowed: splitting, plain"
            )
        count, length = steps_for(duration, step)
        force = self.forces()
        for _ in range(count):
            self.v += 0.5 * length * force
            force = self._drift_and_evaluate(length, force, integrator == "splitting")
            self.v += 0.5 * length * force

    def _drift_and_evaluate(self, step: float, force: Array, correct: bool) -> Array:
        fastest = self.comm.allreduce(float(np.abs(self.v).max()), op=MPI.MAX)
        counts = self._halo_counts(2.0 * FLIGHT_MARGIN * fastest * step)
        halo = self._drift_halo(force, counts)
        window = np.concatenate([halo.left, np.stack([self.y, self.v, force]), halo.right], axis=1)
        own = slice(halo.left.shape[1], halo.left.shape[1] + self.y.size)
        jump = np.zeros(window.shape[1])
        if correct:
            touching_jump(window[0], window[2], self.ring.rod, -1.0, jump)
        moved_y, moved_v = window[0].copy(), window[1].copy()
        hit = self.comm.allreduce(int(collides(moved_y, moved_v, step, -1.0)), op=MPI.MAX)
        move(moved_y, moved_v, step, jump, -1.0)
        self.y, self.v = moved_y[own].copy(), moved_v[own].copy()
        after = self.forces()
        if not (correct and hit):
            return after
        halo = self._drift_halo(after, counts)
        end = np.concatenate([halo.left, np.stack([self.y, self.v, after]), halo.right], axis=1)
        end_jump = np.zeros(jump.size)
        touching_jump(end[0], end[2], self.ring.rod, -1.0, end_jump)
        moved_y, moved_v = window[0].copy(), window[1].copy()
        move(moved_y, moved_v, step, 0.5 * (jump + end_jump), -1.0)
        self.y, self.v = moved_y[own].copy(), moved_v[own].copy()
        return after

    def interaction_energy(self) -> float:
        """Pair energy of the ring without the uniform background V~(0) N (N - 1)/2L."""
        n = self.ring.particles
        if isinstance(self.force, MeshForce):
            field = self.force.evaluate(self.positions, self._sources())[0]
            pairs = 0.5 * (self.comm.allreduce(float(field.sum())) - n * self.force.contact)
            return float(pairs - self.force.background * n * (n - 1) / (2.0 * self.ring.circumference))
        return self.force.energy(self._total(self.force.sums(self.positions)), n)

    def mode_sums(self, modes: int) -> Array:
        """sum_i exp(2 pi i m x_i/L) for m = 1..modes, (modes, 2)."""
        return self._total(partial_sums(self.positions, self.ring.circumference, modes))

    def power_sums(self) -> Array:
        """Sums of v, v^2, v^3, v^4 over the ring, (4,)."""
        return self._total(np.array([(self.v**p).sum() for p in range(1, 5)]))


def index_range(particles: int, ranks: int, rank: int) -> tuple[int, int]:
    """First and last + 1 of the rods of a rank."""
    return particles * rank // ranks, particles * (rank + 1) // ranks


def check_domains(ring: Ring, ranks: int) -> None:
    """Raise `InputError` if domains would hold fewer than 64 rods; one rank is always allowed."""
    if ranks > 1 and ring.particles < SMALLEST_DOMAIN * ranks:
        most = max(1, ring.particles // SMALLEST_DOMAIN)
        raise InputError(f"md.ranks_per_ring = {ranks}: domains of fewer than 64 rods; allowed: 1 to {most}")
