"""Central differences of any even order and their upwind dissipation."""

from dataclasses import dataclass
from functools import cached_property
from math import comb, factorial

import numpy as np

from gbbgky_petsc.arrays import Array


@dataclass(frozen=True)
class FlowStencil:
    """First difference of order 2w on unit spacing, with a dissipation of relative order 2w - 1.

    With ``upwind`` = 1 the sum is the upwind-biased difference of order 2w - 1 on 2w points. Both integrate by parts
    exactly against polynomials up to degree 2w - 1 of what vanishes at the ends.

    Parameters
    ----------
    order
        2w.
    upwind
        Strength of the dissipation.
    """

    order: int
    upwind: float = 1.0

    @property
    def width(self) -> int:
        """w, points either side."""
        return self.order // 2

    @cached_property
    def central(self) -> tuple[float, ...]:
        """(w,) weights of offsets 1 .. w."""
        w = self.width
        return tuple(
            (-1.0) ** (m + 1) * factorial(w) ** 2 / (m * factorial(w - m) * factorial(w + m)) for m in range(1, w + 1)
        )

    @cached_property
    def dissipation(self) -> tuple[float, ...]:
        """(2w,) weights about a face: flux - |v| (this of rho)."""
        w = self.width
        scale = self.upwind * (-1.0) ** (w - 1) * factorial(w) * factorial(w - 1) / factorial(2 * w)
        return tuple(scale * (-1.0) ** (2 * w - 1 - k) * comb(2 * w - 1, k) for k in range(2 * w))

    def biased(self, direction: int) -> tuple[float, ...]:
        """(2w + 1,) weights of offsets -w .. w for transport in ``direction`` (1 or -1)."""
        face = np.array(self.dissipation)
        weights = np.array([*(-c for c in reversed(self.central)), 0.0, *self.central])
        weights[1:] -= direction * face
        weights[:-1] += direction * face
        return tuple(weights.tolist())

    def symbol(self, phase: Array) -> Array:
        """Eigenvalue of - d/dx at unit speed and spacing, complex, same shape as phase = k dx."""
        w = self.width
        return -np.asarray(
            sum(c * np.exp(1j * m * phase) for m, c in zip(range(-w, w + 1), self.biased(1), strict=True))
        )
