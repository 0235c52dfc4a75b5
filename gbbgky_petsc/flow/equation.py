"""The right-hand side of layer 1 in space as a sum of terms, on x-slabs over ranks."""

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from mpi4py import MPI
from petsc4py import PETSc

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.discrete.mean_field import MeanField
from gbbgky_petsc.discrete.space import Edge
from gbbgky_petsc.errors import SolverError
from gbbgky_petsc.flow import kernels
from gbbgky_petsc.flow.problem import FlowProblem
from gbbgky_petsc.flow.velocity import velocity_of
from gbbgky_petsc.lifetime import Owner
from gbbgky_petsc.parallel import together
from gbbgky_petsc.physics.models import HardRods
from gbbgky_petsc.physics.trap import mass


@dataclass(frozen=True)
class Local:
    """What terms see of one evaluation: this rank's rows with ghosts.

    Attributes
    ----------
    rho, v : (n + 2 ghosts, N)
    force : (n,) F(x, t) at the rank's own rows
    """

    rho: Array
    v: Array
    force: Array


class FlowTerm(Protocol):
    """A term of d rho/dt."""

    #: ghost rows that it reads either side
    ghosts: int

    def add(self, local: Local, out: Array) -> None:
        """Add itself to the rate ``out``, (n, N)."""

    def rates(self, local: Local) -> tuple[float, float]:
        """Largest transport rate (velocity over spacing) and diffusion rate (over spacing squared) on this rank."""


class Streaming:
    """- d_x(v rho)."""

    def __init__(self, p: FlowProblem) -> None:
        self._stencil, self._inverse = p.stencil, 1.0 / p.space.spacing
        self.ghosts = p.stencil.width

    def add(self, local: Local, out: Array) -> None:
        s, more = self._stencil, (local.rho.shape[0] - out.shape[0]) // 2 - self.ghosts
        rows = slice(more, local.rho.shape[0] - more)
        kernels.stream(local.rho[rows], local.v[rows], s.central, s.dissipation, self._inverse, out)

    def rates(self, local: Local) -> tuple[float, float]:
        return self._inverse * max(float(local.v.max()), -float(local.v.min())), 0.0


class Push:
    """- d_theta(F rho)."""

    ghosts = 0

    def __init__(self, p: FlowProblem) -> None:
        self._up, self._down = p.stencil.biased(1), p.stencil.biased(-1)
        self._inverse = 1.0 / p.theta_weight

    def add(self, local: Local, out: Array) -> None:
        more = (local.rho.shape[0] - out.shape[0]) // 2
        own = local.rho[more : more + out.shape[0]]
        kernels.push(own, local.force, self._up, self._down, self._inverse, out)

    def rates(self, local: Local) -> tuple[float, float]:
        return self._inverse * float(np.abs(local.force).max()), 0.0


class Diffusion:
    """d_x(D d_x rho), central differences twice: D and its integral over theta vanish where they should."""

    def __init__(self, p: FlowProblem) -> None:
        self._p, self._stencil, self._inverse = p, p.stencil, 1.0 / p.space.spacing
        self.ghosts = 2 * p.stencil.width
        self._largest = 0.0

    def add(self, local: Local, out: Array) -> None:
        n, size = out.shape
        w = self._stencil.width
        slope = np.empty((n + 2 * w, size))
        kernels.gradient(local.rho, self._stencil.central, self._inverse, slope)
        flux = self._flux(local.rho[w:-w], slope)
        change = np.empty_like(out)
        kernels.gradient(flux, self._stencil.central, self._inverse, change)
        out += change

    def _flux(self, rho: Array, slope: Array) -> Array:
        p, flux = self._p, np.empty_like(slope)
        if isinstance(p.model, HardRods):
            self._largest = kernels.rod_diffusion(rho, slope, p.theta, p.theta_weight, p.model.length, flux)
            return flux
        self._largest = 0.0
        for i in range(len(rho)):
            matrix = p.model.background(p.theta, p.theta_weight, rho[i]).diffusion
            flux[i] = matrix @ slope[i]
            self._largest = max(self._largest, float(matrix.diagonal().max()))
        return flux

    def rates(self, local: Local) -> tuple[float, float]:
        return 0.0, self._inverse**2 * self._largest


@dataclass(frozen=True)
class FlowMeasurement:
    """Observables of a state, the same on every rank; energies are totals, not per particle.

    Attributes
    ----------
    number, momentum
        int int rho, int int theta rho.
    kinetic_energy, trap_energy, interaction_energy
        int int e rho, int U q, 1/2 int int V q q.
    entropy
        int int rho_s s(n), where n > 0.
    centre, width
        Mean and standard deviation of x.
    rapidity_width
        Standard deviation of theta.
    negative
        Share of the particles that negative rho takes away.
    edge
        Share of the particles in the outer fiftieths of the rapidity window.
    """

    number: float
    momentum: float
    kinetic_energy: float
    trap_energy: float
    interaction_energy: float
    entropy: float
    centre: float
    width: float
    rapidity_width: float
    negative: float
    edge: float

    @property
    def total_energy(self) -> float:
        """Conserved while the trap stands still."""
        return self.kinetic_energy + self.trap_energy + self.interaction_energy


class FlowEquation(Owner):
    """d rho/dt = - d_x(v rho) - d_theta(F rho) + d_x(D d_x rho) on the phase-space mesh; collisions are stepped apart.

    F = - d_x(U + V*q) with the stencil of d_x, and int v rho dtheta = int e' rho dtheta: number and energy are
    invariants of the central differences, momentum too without a trap; the dissipation of order 2w - 1 in x changes
    energy alone, through q.

    Parameters
    ----------
    problem
        What is integrated.
    comm
        Every method but the constructor's checks is collective on it.

    Raises
    ------
    SolverError
        If a rank would hold fewer rows than it must lend to its neighbours.
    """

    prefix = "flow_"
    presets = {"ts_type": "rk", "ts_rk_type": "4", "ts_adapt_type": "none"}

    def __init__(self, problem: FlowProblem, comm: PETSc.Comm = PETSc.COMM_WORLD) -> None:
        self._owned = ExitStack()
        self.problem = p = problem
        self.comm: MPI.Intracomm = comm.tompi4py()
        self.terms: list[FlowTerm] = [Streaming(p), Push(p)]
        if p.case.flow.diffusion:
            self.terms.append(Diffusion(p))
        self._ghosts = max(term.ghosts for term in self.terms)
        if p.space.points // self.comm.size < self._ghosts:
            raise SolverError(
                f"space.points = {p.space.points} on {self.comm.size} ranks: allowed: at least {self._ghosts} a rank"
            )
        periodic = p.space.boundary is Edge.PERIODIC
        ghosted = PETSc.DM.BoundaryType.PERIODIC if periodic else PETSc.DM.BoundaryType.GHOSTED
        self.dm = PETSc.DMDA().create(
            sizes=(p.theta.size, p.space.points),
            proc_sizes=(1, self.comm.size),
            boundary_type=(PETSc.DM.BoundaryType.NONE, ghosted),
            stencil_type=PETSc.DMDA.StencilType.STAR,
            stencil_width=self._ghosts,
            dof=1,
            comm=comm,
        )
        (_, (start, stop)) = self.dm.getRanges()
        self.rows = slice(start, stop)
        self._local = self.dm.createLocalVec()
        for item in (self.dm, self._local):
            self._owned.callback(item.destroy)
        self._velocity = velocity_of(p.model, p.theta, p.theta_weight)
        self._mean_field = MeanField(p.potential, p.space, p.stencil.width) if p.case.flow.mean_field else None
        self._nodes = p.space.nodes(p.stencil.width)
        self._counts = self.comm.allgather(stop - start)
        #: largest transport and diffusion rates of the last evaluation on this rank
        self._rates = (0.0, 0.0)

    def create_vector(self, rho: Array | None = None) -> PETSc.Vec:
        """A vector holding rho, (Nx, N) on every rank, or zero."""
        vector = self.dm.createGlobalVec()
        if rho is not None:
            self.own(vector)[:] = rho[self.rows]
        return vector

    def own(self, vector: PETSc.Vec, readonly: bool = False) -> Array:
        """This rank's rows, (n, N), of a vector."""
        flat = vector.array_r if readonly else vector.array_w
        return flat.reshape(-1, self.problem.theta.size)

    def gather(self, vector: PETSc.Vec) -> Array | None:
        """rho, (Nx, N), on rank 0 alone."""
        rho = self.own(vector, readonly=True)
        n = self.problem.theta.size
        whole = np.empty((self.problem.space.points, n)) if self.comm.rank == 0 else None
        self.comm.Gatherv(
            np.ascontiguousarray(rho), [whole, [c * n for c in self._counts]] if whole is not None else None
        )
        return whole

    def rhs(self, ts: PETSc.TS | None, t: float, x: PETSc.Vec, f: PETSc.Vec) -> None:
        """f = d rho/dt at time t."""
        local = self._gather_local(t, x)
        out = self.own(f)
        transport = diffusion = 0.0
        for term in self.terms:
            term.add(local, out)  # the first one overwrites
            rates = term.rates(local)
            transport, diffusion = transport + rates[0], diffusion + rates[1]
        self._rates = transport, diffusion

    def rates(self) -> tuple[float, float]:
        """Largest transport and diffusion rates of the last evaluation: what limits explicit steps."""
        both = np.array(self._rates)
        self.comm.Allreduce(MPI.IN_PLACE, both, MPI.MAX)
        return float(both[0]), float(both[1])

    def _gather_local(self, t: float, x: PETSc.Vec) -> Local:
        self.dm.globalToLocal(x, self._local)
        rho = self._local.array_w.reshape(-1, self.problem.theta.size)
        self._fill_ends(rho)
        own, failure = self._own_density(x), None
        try:
            v = self._velocity(rho)
        except SolverError as error:
            failure, own[:] = error, np.nan  # which tells the other ranks
        q = self._everywhere(own)
        if np.isnan(q).any():
            together(self.comm, lambda: _raise(failure))
        return Local(rho, v, self.force(q, t)[self.rows])

    def _fill_ends(self, rho: Array) -> None:
        """Ghost rows beyond the box."""
        g, boundary = self._ghosts, self.problem.space.boundary
        if boundary is Edge.PERIODIC:
            return
        if self.rows.start == 0:
            rho[:g] = rho[g] if boundary is Edge.OPEN else rho[2 * g - 1 : g - 1 : -1, ::-1]
        if self.rows.stop == self.problem.space.points:
            rho[-g:] = rho[-g - 1] if boundary is Edge.OPEN else rho[-g - 1 : -2 * g - 1 : -1, ::-1]

    def density(self, x: PETSc.Vec) -> Array:
        """q, (Nx,), on every rank."""
        return self._everywhere(self._own_density(x))

    def _own_density(self, x: PETSc.Vec) -> Array:
        return np.asarray(self.problem.theta_weight * self.own(x, readonly=True).sum(axis=1))

    def _everywhere(self, own: Array) -> Array:
        whole = np.empty(self.problem.space.points)
        self.comm.Allgatherv(own, [whole, self._counts])
        return whole

    def potential_energy(self, q: Array, t: float) -> Array:
        """U + V*q at the nodes and w ghosts beyond, (Nx + 2w,)."""
        U = self.problem.external(self._nodes, t)
        return U if self._mean_field is None else U + self._mean_field(q)

    def force(self, q: Array, t: float) -> Array:
        """F = - d_x(U + V*q) with the stencil of d_x, (Nx,)."""
        s, potential = self.problem.stencil, self.potential_energy(q, t)
        n, w = q.size, s.width
        slope = sum(
            c * (potential[w + m : w + m + n] - potential[w - m : w - m + n]) for m, c in enumerate(s.central, 1)
        )
        return -np.asarray(slope) / self.problem.space.spacing

    def measure(self, x: PETSc.Vec, t: float) -> FlowMeasurement:
        """Observables at time t."""
        p, rho = self.problem, self.own(x, readonly=True)
        theta, cell, place = p.theta, p.theta_weight * p.space.spacing, p.space.x[self.rows]
        q = self.density(x)
        edge = max(1, theta.size // 50)
        own = cell * np.array([
            rho.sum(),
            (rho @ theta).sum(),
            (rho @ theta**2).sum(),
            (rho @ p.model.energy(theta)).sum(),
            (place @ rho).sum(),
            (place**2 @ rho).sum(),
            np.maximum(-rho, 0.0).sum(),
            rho[:, :edge].sum() + rho[:, -edge:].sum(),
            self._entropy(rho),
        ])  # fmt: skip
        self.comm.Allreduce(MPI.IN_PLACE, own)
        number, momentum, second, kinetic, first, spread, negative, outer, entropy = (float(v) for v in own)
        h = p.space.spacing
        interaction = 0.0
        if self._mean_field is not None:
            w = p.stencil.width
            interaction = 0.5 * h * float(q @ self._mean_field(q)[w : w + q.size])
        return FlowMeasurement(
            number=number,
            momentum=momentum,
            kinetic_energy=kinetic,
            trap_energy=h * float(q @ p.external(p.space.x, t)),
            interaction_energy=interaction,
            entropy=entropy,
            centre=first / number,
            width=float(np.sqrt(max(spread / number - (first / number) ** 2, 0.0))),
            rapidity_width=float(np.sqrt(max(second / number - (momentum / number) ** 2, 0.0))),
            negative=negative / number,
            edge=outer / number,
        )

    def _entropy(self, rho: Array) -> float:
        """Sum of rho_s s(n), s = n epsilon - F(epsilon) with epsilon = ln(f/n)."""
        p = self.problem
        states = p.model.density_of_states(p.theta, p.theta_weight, rho)
        n = np.maximum(rho / states, 1e-300)
        statistics = p.model.statistics
        epsilon = np.log(np.maximum(statistics.factor(n), 1e-300) / n)
        return float((states * (n * epsilon - statistics.free_energy(epsilon)))[rho > 0.0].sum())

    def profiles(self, x: PETSc.Vec) -> dict[str, Array]:
        """density, velocity and temperature, (Nx,) each, on every rank.

        Velocity is int e' rho/q, temperature the variance of theta over the mass: that of the gas where it is
        classical and in equilibrium, a kinetic one elsewhere. NaN where there is no gas.
        """
        p, rho = self.problem, self.own(x, readonly=True)
        h, m = p.theta_weight, mass(p.model)
        q, J, second = (self._everywhere(h * rho @ weights) for weights in (np.ones_like(p.theta), p.theta, p.theta**2))
        gas = q > 1e-10 * max(float(q.max()), 1e-300)
        safe = np.where(gas, q, 1.0)
        mean = np.where(gas, J / safe, np.nan)
        return {"density": q, "velocity": mean / m, "temperature": (second / safe - mean**2) / m}

    def release(self) -> None:
        self._owned.close()


def _raise(failure: SolverError | None) -> None:
    if failure is not None:
        raise failure
