"""The x-mesh of inhomogeneous states: midpoints of a box, ghost cells beyond its ends."""

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import numpy as np

from gbbgky_petsc.arrays import Array


class Edge(StrEnum):
    """What happens at x = +-x_max."""

    OPEN = "open"  #: the state goes on as it is at the end; what leaves the box is gone
    WALL = "wall"  #: particles are reflected
    PERIODIC = "periodic"  #: a ring of circumference 2 x_max


@dataclass(frozen=True)
class SpaceMesh:
    """Midpoints of [-x_max, x_max].

    Parameters
    ----------
    x_max, points
        Half-length of the box and number Nx of cells.
    boundary
        Treatment of the ends.
    """

    x_max: float
    points: int
    boundary: Edge = Edge.OPEN

    @property
    def spacing(self) -> float:
        """Width of a cell, and quadrature weight of x."""
        return 2.0 * self.x_max / self.points

    @cached_property
    def x(self) -> Array:
        """(Nx,) midpoints."""
        return self.nodes(0)

    def nodes(self, ghosts: int) -> Array:
        """(Nx + 2 ghosts,) midpoints, going on beyond the ends."""
        return (np.arange(-ghosts, self.points + ghosts) + 0.5) * self.spacing - self.x_max
