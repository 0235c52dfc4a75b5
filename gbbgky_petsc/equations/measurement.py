"""What is measured of a state along a run."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

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
    recorded
        Further datasets of /snapshots by name, see `gbbgky_petsc.terms.base.Term.recorded`.
    """

    absorbed_rate: float
    density_correlation: Array
    recorded: Mapping[str, Any] = field(default_factory=dict)
