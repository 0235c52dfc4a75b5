"""A ring of hard rods in contracted coordinates, where quasiparticles move freely and cross.

Rod i (order along the ring) sits at x_i = y_i + a i. The contracted positions y are sorted and live on a ring of
circumference L - a N; they are not folded back, so that y_0 <= ... <= y_{N-1} <= y_0 + (L - a N) for ever.
A collision exchanges the velocities of neighbours: in y the two straight lines cross.
"""

from dataclasses import dataclass

import numpy as np

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.errors import InputError


@dataclass(frozen=True)
class Ring:
    """Geometry of a ring of hard rods.

    Parameters
    ----------
    circumference
        L (length).
    particles
        Number N of rods, at least 2.
    rod
        Rod length a >= 0 (0: free particles).

    Raises
    ------
    InputError
        If there are fewer than two rods or they do not fit.
    """

    circumference: float
    particles: int
    rod: float

    def __post_init__(self) -> None:
        if self.particles < 2:
            raise InputError(f"md.particles = {self.particles}: allowed: at least 2")
        if not (np.isfinite(self.circumference) and self.circumference > 0.0):
            raise InputError(f"md.ring = {self.circumference:g}: allowed: finite and positive")
        if self.particles * self.rod >= self.circumference:
            packed = self.particles * self.rod
            raise InputError(f"md.ring = {self.circumference:g}: the rods fill {packed:g}; allowed: longer than that")

    @classmethod
    def from_density(
        cls, density: float, rod: float, particles: int | None = None, ring: float | None = None
    ) -> "Ring":
        """The ring of given density with either N or L chosen; N is rounded and L then follows from it.

        Raises
        ------
        InputError
            If not exactly one of ``particles`` and ``ring`` is given, or the rods do not fit.
        """
        if (particles is None) == (ring is None):
            raise InputError(f"md.particles = {particles}, md.ring = {ring}: allowed: exactly one of them")
        if ring is not None and not (np.isfinite(ring) and ring > 0.0):
            raise InputError(f"md.ring = {ring:g}: allowed: finite and positive")
        count = particles if particles is not None else round(density * float(ring or 0.0))
        return cls(count / density, count, rod)

    @property
    def contracted(self) -> float:
        """L - a N."""
        return self.circumference - self.particles * self.rod

    @property
    def density(self) -> float:
        """N / L."""
        return self.particles / self.circumference

    def positions(self, y: Array) -> Array:
        """Positions x_i of the rods from contracted ones, (..., N)."""
        return y + self.rod * np.arange(self.particles)
