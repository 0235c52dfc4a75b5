"""Ensembles of homogeneous rings."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.md.domains import Domain
from gbbgky_petsc.md.forces import Force
from gbbgky_petsc.md.initial import Equilibration, VelocitySampler, sample
from gbbgky_petsc.md.plan import Plan, Probe, Start, require
from gbbgky_petsc.md.rods import Rods
from gbbgky_petsc.physics.states import State, Thermal


@dataclass(frozen=True, kw_only=True)
class RingPlan(Plan):
    """Rings of a homogeneous state.

    Parameters
    ----------
    state
        Initial state.
    structure_modes
        Numbers m >= 1 of the ring's wavenumbers 2 pi m/L at which S_k is measured.
    theta_edges
        (B + 1,) edges of the momentum histogram; empty for none.
    equilibration
        How, where ``settings.equilibrate`` asks for the thermal state with the potential; otherwise an ensemble
        starts in the Gibbs state of the bare rods.
    """

    state: State
    structure_modes: Sequence[int] = ()
    theta_edges: Sequence[float] = ()
    equilibration: Equilibration = field(default_factory=Equilibration)

    def __post_init__(self) -> None:
        super().__post_init__()
        modes_fit = all(m >= 1 for m in self.structure_modes)
        require(modes_fit, "structure_modes", list(self.structure_modes), "whole numbers from 1 on")
        edges_fit = len(self.theta_edges) != 1 and bool(np.all(np.diff(self.theta_edges) > 0.0))
        require(edges_fit, "theta_edges", list(self.theta_edges), "none, or at least two that increase")
        if self.settings.equilibrate:
            require(isinstance(self.state, Thermal), "equilibrate", True, "a thermal state")

    @property
    def wavenumbers(self) -> Array:
        """(K,) those of ``structure_modes``."""
        return 2.0 * np.pi / self.ring.circumference * np.asarray(self.structure_modes, float)

    def start(self, force: Force) -> Start:
        velocity, seed = VelocitySampler(self.state, self.model), self.settings.seed

        def rods(domain: Domain, realisation: int) -> Rods:
            found = Rods(domain, force, *sample(domain, velocity, seed, realisation))
            if self.settings.equilibrate:
                assert isinstance(self.state, Thermal)
                self.equilibration(found, self.state.beta, seed, realisation)
            return found

        return rods

    def probes(self) -> dict[str, Probe]:
        """What is measured.

        powers : sums over the rods of v, v^2, v^3, v^4
        interaction : pair energy without the uniform background
        structure : |sum_i exp(-ikx_i)|^2 / L
        histogram : counts of velocities
        """
        modes, edges = np.asarray(self.structure_modes, np.int64), np.asarray(self.theta_edges, float)

        def structure(rods: Rods) -> Array:
            sums = rods.mode_sums(int(modes.max(initial=0)))[modes - 1]
            return np.asarray((sums**2).sum(axis=1) / self.ring.circumference)

        bins = max(edges.size - 1, 0)
        return {
            "powers": Probe(Rods.power_sums, (4,)),
            "interaction": Probe(lambda rods: np.asarray(rods.interaction_energy())),
            "structure": Probe(structure, modes.shape, at_snapshots=True),
            "histogram": Probe(lambda rods: rods.histogram(edges), (bins,), np.int32, at_snapshots=True),
        }
