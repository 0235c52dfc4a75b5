"""Realisations over groups of ranks, measured at given times, with standard errors over realisations.

Samples are keyed by realisation and every realisation is measured on its own; sums over realisations are formed once,
in order of realisation. The statistics are therefore bit for bit the same for any number of ranks at one rank per ring.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

from gbbgky_petsc.errors import InputError
from gbbgky_petsc.md.domains import DomainRing, check_domains, index_range
from gbbgky_petsc.md.forces import FourierForce, MeshForce, choose_force, partial_sums
from gbbgky_petsc.md.initial import VelocitySampler, equilibrate, sample_part
from gbbgky_petsc.md.rods import Ring
from gbbgky_petsc.md.stepper import INTEGRATORS, advance
from gbbgky_petsc.physics.models import FreeParticles, HardRods
from gbbgky_petsc.physics.models.base import IntegrableModel
from gbbgky_petsc.physics.potential import Potential
from gbbgky_petsc.physics.states import State, Thermal

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Equilibration:
    """Hybrid Monte Carlo before t = 0, see `initial.equilibrate`; the state must be thermal.

    Parameters
    ----------
    moves : number of trajectories
    duration : mean time of one; density waves of wavenumber k forget their phase if it is above 1/(k velocity)
    step : step of their plain splitting
    """

    moves: int = 20
    duration: float = 50.0
    step: float = 0.2


@dataclass(frozen=True)
class Plan:
    """Everything that determines an ensemble.

    Parameters
    ----------
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
    realisations, seed, step, integrator, ranks_per_ring
        As in the case file's ``md`` table.
    structure_modes
        Numbers m >= 1 of the ring's wavenumbers 2 pi m/L at which S_k is measured.
    theta_edges
        (B + 1,) edges of the momentum histogram; empty for none.
    force_tolerance
        Of `choose_force`.
    equilibration
        None starts in the Gibbs state of the bare rods; otherwise in the thermal one with the potential.

    Raises
    ------
    InputError
        For a value out of range, in one line with its key.
    """

    ring: Ring
    state: State
    model: IntegrableModel
    potential: Potential | None
    times: Sequence[float]
    realisations: int
    seed: int = 0
    step: float = 0.1
    integrator: str = "splitting"
    ranks_per_ring: int = 1
    structure_modes: Sequence[int] = ()
    theta_edges: Sequence[float] = ()
    force_tolerance: float = 1e-6
    equilibration: Equilibration | None = None
    snapshots: Sequence[float] | None = None

    @property
    def snapshot_times(self) -> Array:
        """(S,) times at which structure and histogram are measured."""
        return np.asarray(self.times if self.snapshots is None else self.snapshots, float)

    def __post_init__(self) -> None:
        _require(self.realisations >= 1, "realisations", self.realisations, "at least 1")
        _require(self.seed >= 0, "seed", self.seed, "0 or more")
        _require(np.isfinite(self.step) and self.step > 0.0, "step", self.step, "finite and positive")
        _require(self.integrator in INTEGRATORS, "integrator", self.integrator, ", ".join(INTEGRATORS))
        _require(self.ranks_per_ring >= 1, "ranks_per_ring", self.ranks_per_ring, "at least 1")
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
        _require(self.force_tolerance > 0.0, "force_tolerance", self.force_tolerance, "positive")
        rods = isinstance(self.model, HardRods | FreeParticles) and self.model.contact_length == self.ring.rod
        _require(rods, "model", self.model, f"hard rods (or free particles) of length {self.ring.rod:g}")
        check_domains(self.ring, self.ranks_per_ring)
        shared = self.ranks_per_ring > 1
        _require(not (shared and self.integrator == "reference"), "integrator", self.integrator, "one rank per ring")
        if self.equilibration is not None:
            thermal = isinstance(self.state, Thermal) and not shared
            _require(thermal, "equilibration", True, "a thermal state on one rank per ring")


def _require(holds: bool, key: str, value: object, allowed: str) -> None:
    if not holds:
        raise InputError(f"md.{key} = {value!r}: allowed: {allowed}")


@dataclass(frozen=True)
class Batch:
    """Finished realisations: R of them, T times, S snapshots, K wavenumbers, B bins. Energies of a whole ring.

    Attributes
    ----------
    realisation : (R,) their numbers
    powers : (R, T, 4) sums over the rods of v, v^2, v^3, v^4
    interaction : (R, T) pair energy without the uniform background
    structure : (R, S, K) |sum_i exp(-ikx_i)|^2 / L
    histogram : (R, S, B) counts
    """

    realisation: NDArray[np.int64]
    powers: Array
    interaction: Array
    structure: Array
    histogram: NDArray[np.int32]

    @classmethod
    def join(cls, batches: Iterable["Batch"]) -> "Batch":
        """All realisations of several batches in order of realisation."""
        parts = list(batches)
        joined = {f.name: np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(cls)}
        order = np.argsort(joined["realisation"], kind="stable")
        return cls(**{name: values[order] for name, values in joined.items()})

    @classmethod
    def empty(cls, plan: Plan, realisations: Sequence[int]) -> "Batch":
        """A batch to be filled."""
        shape, seen = (len(realisations), len(plan.times)), (len(realisations), plan.snapshot_times.size)
        return cls(
            np.asarray(realisations, np.int64),
            np.zeros((*shape, 4)),
            np.zeros(shape),
            np.zeros((*seen, len(plan.structure_modes))),
            np.zeros((*seen, max(len(plan.theta_edges) - 1, 0)), np.int32),
        )


@dataclass(frozen=True)
class EnsembleResult:
    """Means and standard errors over realisations at T times, S of them snapshots. Energies, momentum per particle.

    ``kurtosis`` is that of the pooled sample about its mean, its error from the jackknife. ``interaction_energy`` has
    no uniform background, V~(0)(N-1)/2L; ``interaction_change``, its change since the first time, is what the theory's
    regular g carries; ``total_energy`` is kinetic energy plus that change. ``structure`` is
    S_k = <|sum exp(-ikx)|^2>/L, which tends to rho (1 - a rho)^2 as k -> 0 in the hard-rod Gibbs state;
    ``structure_change`` is S_k(t) - S_k(first time). ``histogram`` is rho(theta), per unit length and rapidity. Energy
    errors are of the total energy since the first time: mean, its standard error, and rms over realisations. Standard
    errors are nan for a single realisation.
    """

    times: Array
    realisations: int
    kurtosis: Array
    kurtosis_stderr: Array
    kinetic_energy: Array
    kinetic_energy_stderr: Array
    interaction_energy: Array
    interaction_energy_stderr: Array
    interaction_change: Array
    interaction_change_stderr: Array
    total_energy: Array
    total_energy_stderr: Array
    momentum: Array
    momentum_stderr: Array
    momentum_drift: Array  #: largest |change| over realisations
    energy_error: Array
    energy_error_stderr: Array
    energy_error_rms: Array
    wavenumber: Array  #: (K,)
    snapshot_times: Array  #: (S,)
    structure: Array  #: (S, K)
    structure_stderr: Array
    structure_change: Array
    structure_change_stderr: Array
    theta_edges: Array  #: (B + 1,)
    histogram: Array  #: (S, B)
    histogram_stderr: Array
    separation: Array = field(default_factory=lambda: np.zeros(0))  #: (Z,)
    correlation_change: Array = field(default_factory=lambda: np.zeros((0, 0)))  #: (S, Z), see `summarise`
    correlation_change_stderr: Array = field(default_factory=lambda: np.zeros((0, 0)))


class Ensemble:
    """Runs a plan over a communicator.

    Parameters
    ----------
    plan
        What to run.
    comm
        Its size must be a multiple of ``plan.ranks_per_ring``.

    Raises
    ------
    InputError
        If it is not, or the force does not fit the ring.
    """

    def __init__(self, plan: Plan, comm: MPI.Comm) -> None:
        per_ring = plan.ranks_per_ring
        if comm.size % per_ring:
            raise InputError(f"md.ranks_per_ring = {per_ring}: allowed: divisors of the {comm.size} ranks")
        self.plan, self.comm = plan, comm
        self.groups, self.group = comm.size // per_ring, comm.rank // per_ring
        self.force = choose_force(plan.potential, plan.ring.circumference, plan.force_tolerance)
        if isinstance(self.force, MeshForce) and (plan.integrator == "reference" or plan.equilibration is not None):
            raise InputError(
                "md.particles: so large a ring uses the mesh force; allowed: no reference, no equilibration"
            )
        self._velocity = VelocitySampler(plan.state, plan.model)
        self._times = np.asarray(plan.times, float)
        self._edges = np.asarray(plan.theta_edges, float)
        self._modes = np.asarray(plan.structure_modes, np.int64)
        self._snapshot = {int(t): s for s, t in enumerate(np.searchsorted(self._times, plan.snapshot_times))}

    def batches(self, size: int = 16, done: Iterable[int] = (), seconds: float | None = None) -> Iterator[Batch]:
        """Finished realisations, ``size`` per group of ranks at a time. Collective: every rank must exhaust it.

        With ``seconds`` the first round has one realisation per group and the size then follows from the time a round
        takes, up to ``size``. Rank 0 receives the realisations of all groups; the others receive empty batches.
        ``done`` are realisations to leave out, the same on every rank: with the batches saved before it resumes a run.
        """
        skip = set(done)
        left = [r for r in range(self.plan.realisations) if r not in skip]
        members = self.comm.Split(self.group, self.comm.rank)
        try:
            each = size if seconds is None else 1
            while left:
                now, left = left[: each * self.groups], left[each * self.groups :]
                started = MPI.Wtime()
                batch = self._run(now[self.group :: self.groups], members)
                shown = batch if members.rank == 0 else Batch.empty(self.plan, [])
                parts = self.comm.gather(shown)
                if seconds is not None:
                    elapsed = self.comm.allreduce(MPI.Wtime() - started, op=MPI.MAX)
                    each = min(size, max(1, int(each * min(seconds / elapsed, 4.0))))
                yield Batch.join(parts) if parts is not None else Batch.empty(self.plan, [])
        finally:
            members.Free()

    def _run(self, realisations: Sequence[int], members: MPI.Comm) -> Batch:
        if members.size == 1 and isinstance(self.force, FourierForce):
            return self._run_compiled(realisations)
        batch = Batch.empty(self.plan, realisations)
        for row, realisation in enumerate(realisations):
            self._run_domains(realisation, members, batch, row)
        return batch

    def _intervals(self) -> Iterator[tuple[int, float]]:
        """Index of each output time and the time since the one before."""
        return enumerate(np.diff(self._times, prepend=0.0))

    def _run_compiled(self, realisations: Sequence[int]) -> Batch:
        """Whole rings of this rank, advanced together in compiled code."""
        plan, ring = self.plan, self.plan.ring
        assert isinstance(self.force, FourierForce)
        batch = Batch.empty(plan, realisations)
        y, v = np.empty((2, len(realisations), ring.particles))
        for row, realisation in enumerate(realisations):
            y[row], v[row] = self.sample(realisation)
        for t, interval in self._intervals():
            if interval > 0.0:
                advance(ring, self.force, y, v, interval, plan.step, plan.integrator)
            for row, x in enumerate(ring.positions(y)):
                seen = self._snapshot.get(t)
                modes = max(self.force.spectrum.size, 0 if seen is None else int(self._modes.max(initial=0)))
                sums = partial_sums(x, ring.circumference, modes)
                batch.powers[row, t] = [(v[row] ** p).sum() for p in range(1, 5)]
                batch.interaction[row, t] = self.force.energy(sums[: self.force.spectrum.size], ring.particles)
                if seen is not None:
                    batch.structure[row, seen] = self._structure(sums)
                    batch.histogram[row, seen] = self._counts(v[row])
        return batch

    def sample(self, realisation: int) -> tuple[Array, Array]:
        """Contracted positions and velocities (N,) of one whole ring at t = 0."""
        plan = self.plan
        y, v = sample_part(plan.ring, self._velocity, plan.seed, realisation, 0, plan.ring.particles)
        if plan.equilibration is not None:
            assert isinstance(self.force, FourierForce) and isinstance(plan.state, Thermal)
            how = plan.equilibration
            key = (plan.seed, realisation, y, v)
            equilibrate(plan.ring, self.force, plan.state.beta, *key, how.moves, how.duration, how.step)
        return y, v

    def _run_domains(self, realisation: int, members: MPI.Comm, batch: Batch, row: int) -> None:
        """One ring over the ranks of a group."""
        plan = self.plan
        own = index_range(plan.ring.particles, members.size, members.rank)
        y, v = sample_part(plan.ring, self._velocity, plan.seed, realisation, *own)
        rods = DomainRing(members, plan.ring, self.force, y, v)
        for t, interval in self._intervals():
            if interval > 0.0:
                rods.advance(interval, plan.step, plan.integrator)
            batch.powers[row, t] = rods.power_sums()
            batch.interaction[row, t] = rods.interaction_energy()
            seen = self._snapshot.get(t)
            if seen is not None:
                batch.structure[row, seen] = self._structure(rods.mode_sums(int(self._modes.max(initial=0))))
                batch.histogram[row, seen] = members.allreduce(self._counts(rods.v))

    def _structure(self, sums: Array) -> Array:
        return np.asarray((sums[self._modes - 1] ** 2).sum(axis=1) / self.plan.ring.circumference)

    def _counts(self, v: Array) -> NDArray[np.int32]:
        if self._edges.size == 0:
            return np.zeros(0, np.int32)
        return np.histogram(v, self._edges)[0].astype(np.int32)


def run(plan: Plan, comm: MPI.Comm, size: int = 16) -> EnsembleResult | None:
    """Run a plan to its end; the result on rank 0, None elsewhere. Collective."""
    batches = list(Ensemble(plan, comm).batches(size))
    return summarise(plan, Batch.join(batches)) if comm.rank == 0 else None


def summarise(plan: Plan, batch: Batch, separation: Sequence[float] = (), filter_length: float = 0.0) -> EnsembleResult:
    """Means and standard errors over the realisations of a batch (`Batch.join`).

    With ``separation`` given, also the change since the first time of the density correlation, low-passed by
    exp(-(k filter_length)^2/2) and restricted to the measured wavenumbers:
    (2/L) sum_k (S_k(t) - S_k(first)) exp(-(k filter_length)^2/2) cos(kz).
    """
    n, ring = plan.ring.particles, plan.ring.circumference
    kinetic = 0.5 * batch.powers[:, :, 1] / n
    interaction = batch.interaction / n
    momentum = batch.powers[:, :, 0] / n
    interaction_change = interaction - interaction[:, :1]
    total = kinetic + interaction_change
    error = total - total[:, :1]
    k = 2.0 * np.pi / ring * np.asarray(plan.structure_modes, float)
    change = batch.structure - batch.structure[:, :1]
    z = np.asarray(separation, float)
    wave = 2.0 / ring * np.exp(-0.5 * (k * filter_length) ** 2)[:, None] * np.cos(np.outer(k, z))
    edges = np.asarray(plan.theta_edges, float)
    values: dict[str, Array] = {
        "kinetic_energy": kinetic,
        "interaction_energy": interaction,
        "interaction_change": interaction_change,
        "total_energy": total,
        "momentum": momentum,
        "energy_error": error,
        "structure": batch.structure,
        "structure_change": change,
        "histogram": batch.histogram / (ring * np.diff(edges)) if edges.size else batch.histogram.astype(float),
        "correlation_change": change @ wave,
    }
    estimates: dict[str, Array] = {}
    for name, samples in values.items():
        estimates[name], estimates[f"{name}_stderr"] = _mean(samples)
    estimates["kurtosis"], estimates["kurtosis_stderr"] = _kurtosis(batch.powers, n)
    return EnsembleResult(
        times=np.asarray(plan.times, float),
        snapshot_times=plan.snapshot_times,
        realisations=batch.realisation.size,
        momentum_drift=np.abs(momentum - momentum[:, :1]).max(axis=0),
        energy_error_rms=np.sqrt((error**2).mean(axis=0)),
        wavenumber=k,
        theta_edges=edges,
        separation=z,
        **estimates,
    )


def _mean(samples: Array) -> tuple[Array, Array]:
    """Mean over the first axis and its standard error."""
    count = samples.shape[0]
    mean = samples.mean(axis=0)
    if count == 1:
        return mean, np.full_like(mean, np.nan)
    return mean, samples.std(axis=0, ddof=1) / np.sqrt(count)


def _kurtosis(powers: Array, particles: int) -> tuple[Array, Array]:
    """Excess kurtosis of the pooled velocities (T,) and its jackknife error over realisations."""
    value = _pooled(powers.sum(axis=0), powers.shape[0] * particles)
    if powers.shape[0] == 1:
        return value, np.full_like(value, np.nan)
    return value, _mean(kurtosis_samples(powers, particles))[1]


def kurtosis_samples(powers: Array, particles: int) -> Array:
    """Jackknife pseudo-values (R, T) of the pooled excess kurtosis: their mean and spread are its value and error.

    Parameters
    ----------
    powers : (R, T, 4) as in `Batch`, R > 1
    """
    count, total = powers.shape[0], powers.sum(axis=0)
    without = _pooled(total[None] - powers, (count - 1) * particles)
    return count * _pooled(total, count * particles) - (count - 1) * without


def _pooled(sums: Array, count: int) -> Array:
    """Excess kurtosis from the sums of v, v^2, v^3, v^4 of ``count`` velocities."""
    m1, m2, m3, m4 = np.moveaxis(sums / count, -1, 0)
    second = m2 - m1**2
    fourth = m4 - 4.0 * m1 * m3 + 6.0 * m1**2 * m2 - 3.0 * m1**4
    return np.asarray(fourth / second**2 - 3.0)
