"""Ensembles of clouds: rods in an external potential, in a place-dependent state, on a ring far wider than the cloud.

Rods are drawn with exactly the density and velocities of rho(x, theta) and no correlations but those of the hard cores
(`PhaseSpaceSampler`): the state that layer 1 in space starts from. Where the table [md] asks for equilibrium, hybrid
Monte Carlo takes a thermal cloud from there to exp(-beta H) itself, trap and pair potential included.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.interpolate import CubicSpline

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.discrete.space import Edge, SpaceMesh
from gbbgky_petsc.errors import InputError, SolverError
from gbbgky_petsc.in_space import SpaceProblem, sample
from gbbgky_petsc.md.domains import Domain
from gbbgky_petsc.md.forces import Force, TrapField
from gbbgky_petsc.md.initial import WHOLE_RING, Equilibration, stream
from gbbgky_petsc.md.kernels import fill
from gbbgky_petsc.md.plan import Plan, Probe, Start, require
from gbbgky_petsc.md.ring import Ring
from gbbgky_petsc.md.rods import Rods
from gbbgky_petsc.physics.inhomogeneous import PlaceState, Trapped
from gbbgky_petsc.physics.potential import Potential
from gbbgky_petsc.physics.trap import Lattice, NoTrap, Trap

#: largest pair potential across the unused part of the ring, relative to its maximum
IMAGE = 1e-2
#: cells of the table that rods are drawn from, per cell of the mesh in x and in theta
FINER_X, FINER_THETA = 4, 8
#: kinds of [state] that depend on place
KINDS = "trapped, clouds, domain_wall, wave, phase_space_table"
#: draws of a realisation until it has the right number of rods
ATTEMPTS = 100_000


@dataclass(frozen=True, kw_only=True)
class CloudPlan(Plan):
    """Rods in a place-dependent state.

    Parameters
    ----------
    state
        Initial state; its number of rods, rounded, is that of the ring.
    trap
        External potential; `NoTrap` for none.
    space
        Cells in which profiles are taken; a periodic one is the ring itself.
    theta : (B,) midpoints of the cells in rapidity
    equilibration
        How, where ``settings.equilibrate`` asks for exp(-beta H); None: trajectories of about the time in which a rod
        crosses the cloud.
    """

    state: PlaceState
    trap: Trap
    space: SpaceMesh
    theta: Array
    equilibration: Equilibration | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        size = 2.0 * self.space.x_max
        circumference = self.ring.circumference
        if self.space.boundary is Edge.PERIODIC:
            require(
                bool(np.isclose(circumference, size)), "ring", circumference, f"2 space.x_max = {size:g} (periodic)"
            )
            _check_period(self.trap, size)
        else:
            least = size + self.clearance
            wide = f"at least {least:g}: 2 space.x_max, and out of the potential's reach"
            require(circumference >= least, "ring", circumference, wide)
        if self.space.boundary is Edge.WALL:
            raise InputError("space.boundary = wall: allowed with gbbgky md: open, periodic; trap.kind = box for walls")
        if not self.trap.shape.covers(self.space.x_max):
            raise InputError(
                f"trap: its table does not reach space.x_max = {self.space.x_max:g}; allowed: one that does"
            )
        if self.settings.equilibrate:
            require(isinstance(self.state, Trapped), "equilibrate", True, "state.kind = trapped")

    @property
    def theta_weight(self) -> float:
        """Width of a cell in rapidity."""
        return float(self.theta[1] - self.theta[0])

    @cached_property
    def clearance(self) -> float:
        """Distance beyond which the pair potential is negligible."""
        return _reach(self.potential)

    @cached_property
    def rho(self) -> Array:
        """(Nx, B) what rods are drawn from: the state before it is split, kicked and moved."""
        return sample(_at_rest(self.state), self.model, self.potential, self.trap, self.space, self.theta)

    def start(self, force: Force) -> Start:
        sampler = PhaseSpaceSampler(self.space, self.theta, self.rho, self.ring)
        farthest = np.inf
        if self.space.boundary is not Edge.PERIODIC:
            farthest = 0.5 * (self.ring.circumference - self.clearance)
        field, prepared = TrapField(self.trap, farthest), TrapField(Trap(self.trap.shape), farthest)

        def rods(domain: Domain, realisation: int) -> Rods:
            seed = self.settings.seed
            y, v = sampler(stream(seed, realisation, 0))
            if self.settings.equilibrate:
                assert isinstance(self.state, Trapped)
                found = Rods(domain, force, y, v, prepared)
                self._equilibration(found)(found, self.state.beta, seed, realisation)
                y, v = found.y, found.v
            if isinstance(self.state, Trapped):
                y, v = y + self.state.offset, v + self._pushes(stream(seed, realisation, WHOLE_RING))
            own = slice(domain.first, domain.last)
            return Rods(domain, force, y[own].copy(), v[own].copy(), field)

        return rods

    def _equilibration(self, rods: Rods) -> Equilibration:
        if self.equilibration is not None:
            return self.equilibration
        assert isinstance(self.state, Trapped)
        crossing = 0.5 * np.pi * float(rods.positions.std()) * np.sqrt(self.state.beta)
        return Equilibration(duration=crossing, step=2.0 * self.longest_step)

    def _pushes(self, random: np.random.Generator) -> Array:
        """(N,) what the pulse adds to each velocity: +boost for one half at random, -boost for the other."""
        assert isinstance(self.state, Trapped)
        signs = np.where(np.arange(self.ring.particles) % 2 == 0, 1.0, -1.0)
        return self.state.kick + self.state.boost * random.permutation(signs)

    def probes(self) -> dict[str, Probe]:
        """What is measured.

        powers : sums over the rods of v, v^2, v^3, v^4
        places : sums of x, x^2
        interaction : pair energy, that of the mean density included
        trap : potential energy
        moments : in each cell of x, sums of 1, v, v^2
        phase_space : counts in the cells of x and theta
        """
        n, circumference = self.ring.particles, self.ring.circumference
        background = 0.0
        if self.potential is not None:
            background = float(self.potential.fourier(0.0)) * n * (n - 1) / (2.0 * circumference)
        Nx, B = self.space.points, self.theta.size
        edge = self.theta[0] - 0.5 * self.theta_weight

        def places(rods: Rods) -> Array:
            x = rods.positions
            return rods.domain.total(np.array([x.sum(), (x**2).sum()]))

        def cells(rods: Rods) -> np.ndarray:
            x = rods.positions + self.space.x_max
            if self.space.boundary is Edge.PERIODIC:
                x = np.mod(x, circumference)
            return np.floor(x / self.space.spacing).astype(np.int64)

        def moments(rods: Rods) -> Array:
            cell = cells(rods)
            seen = (cell >= 0) & (cell < Nx)
            cell, v = cell[seen], rods.v[seen]
            return rods.domain.total(np.array([np.bincount(cell, weights=v**p, minlength=Nx) for p in range(3)]))

        def phase_space(rods: Rods) -> Array:
            cell, row = cells(rods), np.floor((rods.v - edge) / self.theta_weight).astype(np.int64)
            seen = (cell >= 0) & (cell < Nx) & (row >= 0) & (row < B)
            counts = np.bincount(cell[seen] * B + row[seen], minlength=Nx * B)
            return rods.domain.total(counts.astype(float)).reshape(Nx, B)

        return {
            "powers": Probe(Rods.power_sums, (4,)),
            "places": Probe(places, (2,)),
            "interaction": Probe(lambda rods: np.asarray(rods.interaction_energy() + background)),
            "trap": Probe(lambda rods: np.asarray(rods.field_energy())),
            "moments": Probe(moments, (3, Nx), at_snapshots=True),
            "phase_space": Probe(phase_space, (Nx, B), at_snapshots=True, summed=True),
        }


class PhaseSpaceSampler:
    """Draws the rods of a ring from rho(x, theta), as the Gibbs state of hard rods whose density is q(x) has them.

    Given all rods to the left, the next one sits at x with the rate lambda(x) = q(x)/(1 - int_{x-a}^x q) unless a rod
    is nearer than a: only the nearest one matters in one dimension, and 1 - int_{x-a}^x q is the probability that no
    rod forbids x (Percus, J. Stat. Phys. 15, 505 (1976)). Cells are filled from left to right with this rate; draws
    with another number of rods are thrown away. Velocities follow rho(x, theta)/q(x) independently.

    Parameters
    ----------
    space, theta
        Mesh: cells in x and midpoints (B,) in theta.
    rho
        (Nx, B); only its shape counts, the number of rods is that of the ring. Between the nodes it is a cubic spline.

    Raises
    ------
    InputError
        If the rods do not fit somewhere.
    """

    def __init__(self, space: SpaceMesh, theta: Array, rho: Array, ring: Ring) -> None:
        self._ring, self._periodic = ring, space.boundary is Edge.PERIODIC
        self._low, self._spacing = -space.x_max, space.spacing / FINER_X
        fine = _finer(_finer(rho, FINER_THETA, axis=1), FINER_X, axis=0)
        share = fine.sum(axis=1) / fine.sum()
        self._count = np.concatenate([[0.0], np.cumsum(ring.particles * share)])  # rods to the left of each edge
        free = 1.0 - self._forbidden()
        if free.min() <= 0.0:
            densest = ring.particles * float(share.max()) / self._spacing
            raise InputError(f"state: a density of {densest:g}; allowed: below 1/model.length = {1.0 / ring.rod:g}")
        self._rate = np.concatenate([[0.0], np.cumsum(np.diff(self._count) / free)])  # int lambda up to each edge
        if self._periodic:
            self._rate = np.concatenate([self._rate, self._rate[-1] + self._rate[1:]])
        rows = np.cumsum(fine, axis=1) / np.maximum(fine.sum(axis=1, keepdims=True), 1e-300)
        # one ascending table for all rows: row r holds r to r + 1
        table = np.concatenate([np.zeros((fine.shape[0], 1)), rows], axis=1) + np.arange(fine.shape[0])[:, None]
        self._rows = table.ravel()
        self._edges = np.linspace(-1.0, 1.0, fine.shape[1] + 1) * (0.5 * (theta[1] - theta[0]) - theta[0])

    def _forbidden(self) -> Array:
        """int_{x-a}^x q at the midpoints of the cells."""
        cells, rod = self._count.size - 1, self._ring.rod
        place = (np.arange(cells) + 0.5) * self._spacing
        edges = np.arange(cells + 1) * self._spacing
        before = place - rod
        if self._periodic:
            turns = np.floor(before / (cells * self._spacing))
            left = np.interp(before - turns * cells * self._spacing, edges, self._count) + turns * self._count[-1]
        else:
            left = np.interp(before, edges, self._count)
        return np.asarray(np.interp(place, edges, self._count) - left)

    def __call__(self, random: np.random.Generator) -> tuple[Array, Array]:
        """Contracted positions and velocities, (N,) each.

        Raises
        ------
        SolverError
            If no draw out of `ATTEMPTS` has the right number of rods.
        """
        n, rod = self._ring.particles, self._ring.rod
        x = np.empty(n)
        for _ in range(ATTEMPTS):
            gaps = random.exponential(size=n + 1)
            first, turn = np.nan, 0.0
            if self._periodic:
                edges = self._low + self._spacing * np.arange(self._count.size)
                first, turn = float(np.interp(random.random() * n, self._count, edges)), self._ring.circumference
            if fill(gaps, self._low, self._spacing, self._rate, rod, first, turn, x):
                return x - rod * np.arange(n), self._velocities(x, random)
        raise SolverError(f"state: none of {ATTEMPTS} draws had {n} rods")

    def _velocities(self, x: Array, random: np.random.Generator) -> Array:
        cells, width = self._count.size - 1, self._edges.size
        row = np.floor((x - self._low) / self._spacing).astype(np.int64)
        row = np.mod(row, cells) if self._periodic else np.clip(row, 0, cells - 1)
        speed = row + random.random(x.size)
        at = np.clip(np.searchsorted(self._rows, speed, side="right") - 1, row * width, row * width + width - 2)
        low, high = self._rows[at], self._rows[at + 1]
        inside = np.clip((speed - low) / np.maximum(high - low, 1e-300), 0.0, 1.0)
        return np.asarray(self._edges[at - row * width] + inside * (self._edges[1] - self._edges[0]))


def _finer(values: Array, times: int, axis: int) -> Array:
    """Values at midpoints of cells ``times`` smaller, by cubic splines, not below zero."""
    n = values.shape[axis]
    spline = CubicSpline(np.arange(n) + 0.5, values, axis=axis)
    return np.maximum(np.asarray(spline((np.arange(n * times) + 0.5) / times)), 0.0)


def _at_rest(state: PlaceState) -> PlaceState:
    return replace(state, boost=0.0, kick=0.0, offset=0.0) if isinstance(state, Trapped) else state


def _reach(potential: Potential | None) -> float:
    """Distance from which on |V| is below `IMAGE` times its maximum."""
    if potential is None or potential.strength == 0.0:
        return 0.0
    x = potential.range * np.geomspace(1e-2, 1e4, 2000)
    size = np.abs(potential(np.concatenate([[0.0], x])))
    above = np.flatnonzero(size[1:] > IMAGE * size.max())
    return float(x[min(int(above[-1]) + 1, x.size - 1)]) if above.size else 0.0


def _check_period(trap: Trap, size: float) -> None:
    shape = trap.shape
    if isinstance(shape, NoTrap):
        return
    periods = size / shape.period if isinstance(shape, Lattice) else np.nan
    if not np.isclose(periods, np.round(periods)):
        raise InputError(
            "space.boundary = periodic: allowed with: no trap, or a lattice of whole periods in 2 space.x_max"
        )


def plan_of_cloud(place: SpaceProblem, times: Array, snapshots: Array) -> CloudPlan:
    """The ensemble of a case with tables [space] and [md], and perhaps [trap].

    Raises
    ------
    InputError
    """
    case, settings = place.case, place.case.md
    if settings is None:
        raise InputError("md: missing; allowed: a table [md] with ring and realisations")
    if settings.ring is None:
        raise InputError(
            f"md.particles = {settings.particles}: allowed with [space]: md.ring; their number is the state's"
        )
    if not isinstance(place.state, PlaceState):
        raise InputError(
            f"state.kind = {case.state.kind!r}: the same everywhere; allowed with [space] or [trap]: {KINDS}"
        )
    number = place.space.spacing * place.theta_weight * float(place.rho.sum())
    return CloudPlan(
        settings=settings,
        ring=Ring(settings.ring, round(number), place.model.contact_length),
        model=place.model,
        potential=place.potential,
        times=times.tolist(),
        snapshots=snapshots.tolist(),
        state=place.state,
        trap=place.external,
        space=place.space,
        theta=place.theta,
    )
