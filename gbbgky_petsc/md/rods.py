"""The rods of a ring that live on one rank: their state, their forces, what is measured on them."""

import numpy as np
from numpy.typing import NDArray

from gbbgky_petsc.md.domains import Domain, WholeRing, Window
from gbbgky_petsc.md.forces import Force, partial_sums
from gbbgky_petsc.physics.models.base import Array


class Rods:
    """Contracted positions and velocities of the rods of a domain, and the force between them.

    Methods are collective over the domain's ranks.

    Parameters
    ----------
    domain, force
        Where they live and how they act on each other.
    y, v
        (n,) contracted positions and velocities; the rods' own from now on.
    """

    def __init__(self, domain: Domain, force: Force, y: Array, v: Array) -> None:
        self.domain, self.force = domain, force
        self.y, self.v = y, v
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
        return self.force.forces(y + self._offset, self.domain)

    def window(self, duration: float) -> Window | WholeRing:
        """The rods that these can meet within ``duration``; see `Domain.window`."""
        if self._closed:
            return WholeRing(self.domain.ring.contracted)
        return self.domain.window(self.y, self.v, duration)

    def interaction_energy(self) -> float:
        """Pair energy of the ring without the uniform background V~(0) N (N - 1)/2L."""
        return self.force.energy(self.positions, self.domain)

    def energy(self) -> float:
        """Kinetic and pair energy per particle."""
        kinetic = 0.5 * float(self.domain.total((self.v**2).sum(keepdims=True))[0])
        return (kinetic + self.interaction_energy()) / self.domain.ring.particles

    def mode_sums(self, modes: int) -> Array:
        """sum_i exp(2 pi i m x_i/L) for m = 1..modes, (modes, 2)."""
        return self.domain.total(partial_sums(self.positions, self.domain.ring.circumference, modes))

    def power_sums(self) -> Array:
        """Sums of v, v^2, v^3, v^4 over the ring, (4,)."""
        return self.domain.total(np.array([(self.v**p).sum() for p in range(1, 5)]))

    def histogram(self, edges: Array) -> NDArray[np.int32]:
        """Rods of the ring with velocities between ``edges`` (B + 1,), (B,)."""
        counts = np.histogram(self.v, edges)[0].astype(np.int32)
        return np.asarray(self.domain.comm.allreduce(counts), np.int32)
