"""Tables of the case file for states in space: [space], [trap], [flow], kinds of [state] that depend on place."""

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.case.section import Finite, NonNegative, Positive, Section
from gbbgky_petsc.case.tables import read_table
from gbbgky_petsc.discrete.space import Edge, SpaceMesh
from gbbgky_petsc.errors import InputError
from gbbgky_petsc.physics import inhomogeneous, trap
from gbbgky_petsc.physics.models import IntegrableModel

# --- [space] ---


class Space(Section):
    """The x-mesh of `gbbgky flow`: midpoints of [-x_max, x_max], and what happens at its ends.

    ``order`` is that of the central differences in x and theta, ``upwind`` the strength of the dissipation of one
    order below that is added to them: 1 is upwind-biased, 0 none.
    """

    x_max: Positive
    points: Annotated[int, Field(ge=16)]
    boundary: Edge = Edge.OPEN
    order: Literal[4, 6, 8, 10, 12] = 8
    upwind: Annotated[float, Field(ge=0.0, le=1.0)] = 1.0

    def build(self) -> SpaceMesh:
        return SpaceMesh(self.x_max, self.points, self.boundary)


# --- [trap] ---


class QuenchTable(Section):
    """U times ``scale`` from ``time`` on, reached within ``ramp``; scale 0 releases the cloud."""

    time: NonNegative = 0.0
    scale: Finite
    ramp: NonNegative = 0.0


class ShakeTable(Section):
    """Centre at amplitude sin(frequency t)."""

    amplitude: Finite
    frequency: Positive


class TrapSection(Section):
    """U(x, t): a shape, and how it changes in time."""

    quench: QuenchTable | None = None
    shake: ShakeTable | None = None

    def shape(self, folder: Path, model: IntegrableModel) -> trap.TrapShape:
        raise NotImplementedError

    def build(self, folder: Path, model: IntegrableModel) -> trap.Trap:
        """The potential of this table; file names are relative to ``folder``."""
        quench = trap.Quench(**self.quench.model_dump()) if self.quench else trap.Quench()
        shake = trap.Shake(**self.shake.model_dump()) if self.shake else trap.Shake()
        return trap.Trap(self.shape(folder, model), quench, shake)


class HarmonicTrap(TrapSection):
    """U = m frequency^2 x^2/2, angular frequency."""

    kind: Literal["harmonic"]
    frequency: Positive

    def shape(self, folder: Path, model: IntegrableModel) -> trap.TrapShape:
        return trap.Harmonic(trap.mass(model) * self.frequency**2)


class QuarticTrap(TrapSection):
    """U = strength x^4/4 + m frequency^2 x^2/2."""

    kind: Literal["quartic"]
    strength: Positive
    frequency: NonNegative = 0.0

    def shape(self, folder: Path, model: IntegrableModel) -> trap.TrapShape:
        return trap.Quartic(self.strength, trap.mass(model) * self.frequency**2)


class BoxTrap(TrapSection):
    """A flat bottom between smooth steps of width ``edge`` at +-half_width."""

    kind: Literal["box"]
    height: Positive
    half_width: Positive
    edge: Positive

    def shape(self, folder: Path, model: IntegrableModel) -> trap.TrapShape:
        return trap.Box(self.height, self.half_width, self.edge)


class LatticeTrap(TrapSection):
    """U = depth sin^2(pi x/period)."""

    kind: Literal["lattice"]
    depth: Finite
    period: Positive

    def shape(self, folder: Path, model: IntegrableModel) -> trap.TrapShape:
        return trap.Lattice(self.depth, self.period)


class TableTrap(TrapSection):
    """U from a text file with columns x and U."""

    kind: Literal["table"]
    file: Path

    def shape(self, folder: Path, model: IntegrableModel) -> trap.TrapShape:
        return trap.TabulatedTrap(*read_table("trap.file", folder / self.file))


TrapTable = Annotated[HarmonicTrap | QuarticTrap | BoxTrap | LatticeTrap | TableTrap, Field(discriminator="kind")]


# --- [state] in space ---


class PlaceStateSection(Section):
    """A state that depends on place, for `gbbgky flow` and `gbbgky md` in a trap."""

    def build(self, folder: Path, model: IntegrableModel, theta: Array) -> inhomogeneous.PlaceState:
        raise NotImplementedError


class Trapped(PlaceStateSection):
    """Thermal state of the trap, self-consistent with V: ``number`` particles at inverse temperature ``beta``.

    Then split by momenta +-boost (Bragg pulse), kicked by ``kick`` and moved by ``offset``.
    """

    kind: Literal["trapped"]
    number: Positive
    beta: Positive
    boost: NonNegative = 0.0
    kick: Finite = 0.0
    offset: Finite = 0.0

    def build(self, folder: Path, model: IntegrableModel, theta: Array) -> inhomogeneous.PlaceState:
        return inhomogeneous.Trapped(self.number, self.beta, self.boost, self.kick, self.offset)


class CloudTable(Section):
    """A cloud of Gaussian density profile, of ``number`` particles at ``centre`` with standard deviation ``width``.

    Its rapidities are those of the homogeneous thermal state of the local density, moved by ``boost``.
    """

    number: Positive
    centre: Finite
    width: Positive
    beta: Positive
    boost: Finite = 0.0


class Clouds(PlaceStateSection):
    """Clouds side by side."""

    kind: Literal["clouds"]
    cloud: Annotated[list[CloudTable], Field(min_length=1)]

    def build(self, folder: Path, model: IntegrableModel, theta: Array) -> inhomogeneous.PlaceState:
        return inhomogeneous.Clouds(tuple(inhomogeneous.Cloud(**c.model_dump()) for c in self.cloud))


class Side(Section):
    """One side of a domain wall: homogeneous thermal state moved by ``boost``."""

    density: Positive
    beta: Positive
    boost: Finite = 0.0


class DomainWall(PlaceStateSection):
    """Two homogeneous thermal states, joined by a step (1 + tanh(x/width))/2 of their fillings."""

    kind: Literal["domain_wall"]
    left: Side
    right: Side
    width: Positive

    def build(self, folder: Path, model: IntegrableModel, theta: Array) -> inhomogeneous.PlaceState:
        left, right = (inhomogeneous.Reservoir(**side.model_dump()) for side in (self.left, self.right))
        return inhomogeneous.DomainWall(left, right, self.width)


class Wave(PlaceStateSection):
    """Streams as in boosted_thermal, exp(-beta (theta -+ boost)^2), times 1 + amplitude cos(kx), k = mode pi/x_max."""

    kind: Literal["wave"]
    mean_density: Positive
    beta: Positive
    boost: NonNegative = 0.0
    amplitude: Annotated[float, Field(ge=0.0, lt=1.0)]
    mode: Annotated[int, Field(ge=1)] = 1

    def build(self, folder: Path, model: IntegrableModel, theta: Array) -> inhomogeneous.PlaceState:
        return inhomogeneous.Wave(self.mean_density, self.beta, self.boost, self.amplitude, self.mode)


class PhaseSpaceTable(PlaceStateSection):
    """rho(x, theta) from an .npz file with arrays x (M,), theta (K,) and rho (M, K); zero outside it."""

    kind: Literal["phase_space_table"]
    file: Path

    def build(self, folder: Path, model: IntegrableModel, theta: Array) -> inhomogeneous.PlaceState:
        path = folder / self.file
        try:
            with np.load(path) as file:
                x, theta, rho = (np.asarray(file[name], dtype=float) for name in ("x", "theta", "rho"))
        except (OSError, ValueError, KeyError) as error:
            raise InputError(f"state.file = {path}: {error}; allowed: an .npz file with x, theta, rho") from error
        if rho.shape != (x.size, theta.size) or min(x.size, theta.size) < 4:
            raise InputError(f"state.file = {path}: rho is {rho.shape}; allowed: (x, theta), at least 4 of each")
        if np.any(np.diff(x) <= 0.0) or np.any(np.diff(theta) <= 0.0) or not np.all(np.isfinite(rho)):
            raise InputError(f"state.file = {path}: allowed: x and theta strictly increasing, finite rho")
        if rho.min() < 0.0 or rho.sum() <= 0.0:
            raise InputError(f"state.file = {path}: rho reaches {rho.min():g}; allowed: rho >= 0, not all zero")
        return inhomogeneous.TabulatedInSpace(x, theta, rho)


PlaceStates = Trapped | Clouds | DomainWall | Wave | PhaseSpaceTable


# --- [flow] ---


class Flow(Section):
    """`gbbgky flow`: the terms of layer 1 in space that are kept, and how collisions are stepped.

    ``collision_points`` is the theta-mesh of the collision integral (default: that of [mesh], at most 48);
    ``collision_step`` the time between two applications (default: a quarter of the time in which the cloud crosses
    itself).
    """

    mean_field: bool = True
    diffusion: bool = False
    collisions: Literal["none", "coherent", "landau"] = "none"
    collision_points: Annotated[int, Field(ge=8)] | None = None
    collision_step: Positive | None = None

    @model_validator(mode="after")
    def _collisions_allow_the_rest(self) -> "Flow":
        if self.collisions == "none" and (self.collision_points or self.collision_step):
            raise ValueError("collision_points and collision_step: allowed: with collisions other than none")
        return self
