"""What is measured of a state along a run."""

from dataclasses import dataclass

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.physics.observables import Sample


@dataclass(frozen=True)
class Measurement(Sample):
    """A state as recorders see it: the columns of /series, and what interpolation and snapshots need.

    Attributes
    ----------
    absorbed_rate
        d/dt of the absorbed energy per particle.
    density_correlation : (Nz,)
        int int g dtheta dtheta'.
    """

    absorbed_rate: float
    density_correlation: Array
