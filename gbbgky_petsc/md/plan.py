"""What determines an ensemble."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from gbbgky_petsc.case import MolecularDynamics
from gbbgky_petsc.errors import InputError
from gbbgky_petsc.md.domains import check_domains
from gbbgky_petsc.md.initial import Equilibration
from gbbgky_petsc.md.ring import Ring
from gbbgky_petsc.physics.models import FreeParticles, HardRods
from gbbgky_petsc.physics.models.base import Array, IntegrableModel
from gbbgky_petsc.physics.potential import Potential
from gbbgky_petsc.physics.states import State, Thermal

#: step unless md.step or md.energy_tolerance says otherwise
STEP = 0.1


@dataclass(frozen=True)
class Plan:
    """Everything that determines an ensemble.

    Parameters
    ----------
    settings
        The case's table [md]; ``energy_tolerance`` is for the caller to turn into a step.
    ring
        Geometry, see `Ring.from_density`.
    state, model
        Initial state; ``model`` must be that of the rods.
    potential
        Pair potential, or None.
    times
        Output times, strictly increasing, the first not negative.
    snapshots
        Those of ``times`` at which structure and histogram are measured, the first among them; None: all.
    structure_modes
        Numbers m >= 1 of the ring's wavenumbers 2 pi m/L at which S_k is measured.
    theta_edges
        (B + 1,) edges of the momentum histogram; empty for none.
    equilibration
        How, where ``settings.equilibrate`` asks for the thermal state with the potential; otherwise an ensemble
        starts in the Gibbs state of the bare rods.
    step
        Longest step; None: that of the settings, or `STEP`.

    Raises
    ------
    InputError
        For a value out of range, in one line with its key.
    """

    settings: MolecularDynamics
    ring: Ring
    state: State
    model: IntegrableModel
    potential: Potential | None
    times: Sequence[float]
    snapshots: Sequence[float] | None = None
    structure_modes: Sequence[int] = ()
    theta_edges: Sequence[float] = ()
    equilibration: Equilibration = field(default_factory=Equilibration)
    step: float | None = None

    @property
    def longest_step(self) -> float:
        """The step in force."""
        return self.step or self.settings.step or STEP

    @property
    def snapshot_times(self) -> Array:
        """(S,) times at which structure and histogram are measured."""
        return np.asarray(self.times if self.snapshots is None else self.snapshots, float)

    @property
    def wavenumbers(self) -> Array:
        """(K,) those of ``structure_modes``."""
        return 2.0 * np.pi / self.ring.circumference * np.asarray(self.structure_modes, float)

    def __post_init__(self) -> None:
        times = np.asarray(self.times, float)
        rising = times.size > 0 and times[0] >= 0.0 and bool(np.all(np.diff(times) > 0.0)) and np.isfinite(times[-1])
        _require(rising, "times", list(self.times), "finite, increasing, from 0 on")
        if self.snapshots is not None:
            among = set(self.snapshots) <= set(self.times) and list(self.snapshots[:1]) == list(self.times[:1])
            rising = among and bool(np.all(np.diff(self.snapshots) > 0.0))
            _require(rising, "snapshots", list(self.snapshots), "increasing, among the times, the first one included")
        modes_fit = all(m >= 1 for m in self.structure_modes)
        _require(modes_fit, "structure_modes", list(self.structure_modes), "whole numbers from 1 on")
        edges_fit = len(self.theta_edges) != 1 and bool(np.all(np.diff(self.theta_edges) > 0.0))
        _require(edges_fit, "theta_edges", list(self.theta_edges), "none, or at least two that increase")
        rods = isinstance(self.model, HardRods | FreeParticles) and self.model.contact_length == self.ring.rod
        _require(rods, "model", self.model, f"hard rods (or free particles) of length {self.ring.rod:g}")
        check_domains(self.ring, self.settings.ranks_per_ring)
        shared = self.settings.ranks_per_ring > 1
        alone = not (shared and self.settings.integrator == "reference")
        _require(alone, "integrator", self.settings.integrator, "one rank per ring")
        if self.settings.equilibrate:
            thermal = isinstance(self.state, Thermal) and not shared
            _require(thermal, "equilibrate", True, "a thermal state on one rank per ring")


def _require(holds: bool, key: str, value: object, allowed: str) -> None:
    if not holds:
        raise InputError(f"md.{key} = {value!r}: allowed: {allowed}")
