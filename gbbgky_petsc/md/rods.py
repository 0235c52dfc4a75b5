"""The rods of a ring that live on one rank: their state, their forces, what is measured on them."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.md.domains import Domain, WholeRing, Window
from gbbgky_petsc.md.forces import FieldTable, Force, TrapField, partial_sums


class Rods:
    """Contracted positions and velocities of the rods of a domain, and the forces on them.

    Methods are collective over the domain's ranks.

    Parameters
    ----------
    domain, force
        Where they live and how they act on each other.
    y, v
        (n,) contracted positions and velocities; the rods' own from now on.
    field
        External potential, or None.
    time
        Present time.
    """

    def __init__(
        self, domain: Domain, force: Force, y: Array, v: Array, field: TrapField | None = None, time: float = 0.0
    ) -> None:
        self.domain, self.force, self.field = domain, force, field
        self.y, self.v, self.time = y, v, time
        self._offset = domain.ring.rod * np.arange(domain.first, domain.last)
        self._closed = domain.comm.size == 1 and force.reach == 0.0

    @property
    def positions(self) -> Array:
        """(n,) positions."""
        return self.y + self._offset

    def forces(self) -> Array:
        """(n,) forces."""
        return self.forces_at(self.y)

    def forces_at(self, y: Array) -> Array:
        """(n,) forces on the same rods at other contracted positions."""
        x = y + self._offset
        force = self.force.forces(x, self.domain)
        return force if self.field is None else force + self.field.forces(x, self.time)

    def compiled(self) -> tuple[Array, FieldTable] | None:
        """Pair force and field as `kernels.advance_ring` takes them, where it can do these rods' steps."""
        table = FieldTable.none() if self.field is None else self.field.table
        if self.domain.comm.size > 1 or self.force.modes is None or table is None:
            return None
        return self.force.modes, table

    def smooth_parts(self, duration: float) -> Iterator[float]:
        """Times until the next jumps of the field, and until ``duration`` from now."""
        end = self.time + duration
        jumps = self.field.trap.jumps() if self.field is not None else ()
        for stop in (t for t in jumps if self.time < t < end):
            yield stop - self.time
            duration = end - stop
        yield duration

    def window(self, duration: float) -> Window | WholeRing:
        """The rods that these can meet within ``duration``; see `Domain.window`."""
        if self._closed:
            return WholeRing(self.domain.ring.contracted)
        return self.domain.window(self.y, self.v, duration)

    def interaction_energy(self) -> float:
        """Pair energy of the ring without the uniform background V~(0) N (N - 1)/2L."""
        return self.force.energy(self.positions, self.domain)

    def field_energy(self) -> float:
        """Energy of the ring's rods in the external potential."""
        own = 0.0 if self.field is None else self.field.energy(self.positions, self.time)
        return float(self.domain.total(np.array([own]))[0])

    def energy(self) -> float:
        """Kinetic, pair and potential energy per particle."""
        kinetic = 0.5 * float(self.domain.total((self.v**2).sum(keepdims=True))[0])
        return (kinetic + self.interaction_energy() + self.field_energy()) / self.domain.ring.particles

    def mode_sums(self, modes: int) -> Array:
        """sum_i exp(2 pi i m x_i/L) for m = 1..modes, (modes, 2)."""
        return self.domain.total(partial_sums(self.positions, self.domain.ring.circumference, modes))

    def power_sums(self) -> Array:
        """Sums of v, v^2, v^3, v^4 over the ring, (4,)."""
        return self.domain.total(np.array([(self.v**p).sum() for p in range(1, 5)]))

    def histogram(self, edges: Array) -> NDArray[np.int32]:
        """Rods of the ring with velocities between ``edges`` (B + 1,), (B,); no edges, no counts."""
        if edges.size == 0:
            return np.zeros(0, np.int32)
        counts = np.histogram(self.v, edges)[0].astype(np.int32)
        return np.asarray(self.domain.comm.allreduce(counts), np.int32)
