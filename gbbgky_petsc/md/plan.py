"""What determines an ensemble."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike, NDArray

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.case import MolecularDynamics
from gbbgky_petsc.errors import InputError
from gbbgky_petsc.md.domains import Domain, check_domains
from gbbgky_petsc.md.forces import Force
from gbbgky_petsc.md.ring import Ring
from gbbgky_petsc.md.rods import Rods
from gbbgky_petsc.physics.models import FreeParticles, HardRods
from gbbgky_petsc.physics.models.base import IntegrableModel
from gbbgky_petsc.physics.potential import Potential

#: step unless md.step or md.energy_tolerance says otherwise
STEP = 0.1

#: the rods of a domain at t = 0 in a realisation
Start = Callable[[Domain, int], Rods]


@dataclass(frozen=True)
class Probe:
    """A measurement of whole rings: an array of one shape, at all output times or at those of the snapshots.

    A ``summed`` one is of whole numbers and kept as its sum and sum of squares over the realisations, (2, S, ...),
    because one array for each would be too much.
    """

    measure: Callable[[Rods], NDArray[np.generic]]
    shape: tuple[int, ...] = ()
    dtype: DTypeLike = np.float64
    at_snapshots: bool = False
    summed: bool = False


@dataclass(frozen=True, kw_only=True)
class Plan(ABC):
    """Everything that determines an ensemble.

    Parameters
    ----------
    settings
        The case's table [md]; ``energy_tolerance`` is for the caller to turn into a step.
    ring
        Geometry, see `Ring.from_density`.
    model
        Must be that of the rods.
    potential
        Pair potential, or None.
    times
        Output times, strictly increasing, the first not negative.
    snapshots
        Those of ``times`` at which the larger measurements are made, the first among them; None: all.
    step
        Longest step; None: that of the settings, or `STEP`.

    Raises
    ------
    InputError
        For a value out of range, in one line with its key.
    """

    settings: MolecularDynamics
    ring: Ring
    model: IntegrableModel
    potential: Potential | None
    times: Sequence[float]
    snapshots: Sequence[float] | None = None
    step: float | None = None

    @abstractmethod
    def start(self, force: Force) -> Start:
        """Where the realisations come from."""

    @abstractmethod
    def probes(self) -> dict[str, Probe]:
        """What is measured, by its name in /samples."""

    @property
    def longest_step(self) -> float:
        """The step in force."""
        return self.step or self.settings.step or STEP

    @property
    def snapshot_times(self) -> Array:
        """(S,) times at which the larger measurements are made."""
        return np.asarray(self.times if self.snapshots is None else self.snapshots, float)

    def __post_init__(self) -> None:
        times = np.asarray(self.times, float)
        rising = times.size > 0 and times[0] >= 0.0 and bool(np.all(np.diff(times) > 0.0)) and np.isfinite(times[-1])
        require(rising, "times", list(self.times), "finite, increasing, from 0 on")
        if self.snapshots is not None:
            among = set(self.snapshots) <= set(self.times) and list(self.snapshots[:1]) == list(self.times[:1])
            rising = among and bool(np.all(np.diff(self.snapshots) > 0.0))
            require(rising, "snapshots", list(self.snapshots), "increasing, among the times, the first one included")
        rods = isinstance(self.model, HardRods | FreeParticles) and self.model.contact_length == self.ring.rod
        require(rods, "model", self.model, f"hard rods (or free particles) of length {self.ring.rod:g}")
        check_domains(self.ring, self.settings.ranks_per_ring)
        if self.settings.ranks_per_ring > 1:
            require(self.settings.integrator != "reference", "integrator", "reference", "one rank per ring")
            require(not self.settings.equilibrate, "equilibrate", True, "one rank per ring")


def require(holds: bool, key: str, value: object, allowed: str) -> None:
    """Raise `InputError` about a key of [md] unless ``holds``."""
    if not holds:
        raise InputError(f"md.{key} = {value!r}: allowed: {allowed}")
