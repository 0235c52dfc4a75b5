"""Means over realisations with their errors: which statistic feeds which column of a result."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from mpi4py import MPI

from gbbgky_petsc.md.ensemble import Batch, Ensemble
from gbbgky_petsc.md.plan import Plan
from gbbgky_petsc.physics.models.base import Array


@dataclass(frozen=True)
class Estimate:
    """A mean and its standard error over realisations, nan for a single one."""

    value: Array
    stderr: Array

    @classmethod
    def of(cls, samples: Array) -> "Estimate":
        """From one row per realisation."""
        count = samples.shape[0]
        mean = samples.mean(axis=0)
        if count == 1:
            return cls(mean, np.full_like(mean, np.nan))
        return cls(mean, samples.std(axis=0, ddof=1) / np.sqrt(count))


@dataclass(frozen=True)
class Summary:
    """Statistics of an ensemble by the names of their columns; ``series`` at T times, ``snapshots`` at S of them.

    Energies and momentum are per particle. ``kurtosis`` is that of the pooled sample about its mean, its error from
    the jackknife. ``interaction_energy`` is its change since the first time, which is what the theory's regular g
    carries; ``total_energy`` is kinetic energy plus that change, ``energy_error`` the change of that.
    ``structure`` (S, K) tends to rho (1 - a rho)^2 as k -> 0 in the hard-rod Gibbs state.
    """

    realisations: int
    series: dict[str, Array]
    snapshots: dict[str, Array]


def summarise(plan: Plan, batch: Batch, separation: Sequence[float] = (), filter_length: float = 0.0) -> Summary:
    """Statistics over the realisations of a batch (`Batch.join`).

    ``density_correlation`` is the change since the first time of the density correlation at ``separation`` (Z,),
    low-passed by exp(-(k filter_length)^2/2) and restricted to the measured wavenumbers:
    (2/L) sum_k (S_k(t) - S_k(first)) exp(-(k filter_length)^2/2) cos(kz).
    """
    snapshots = _snapshots(plan, batch, np.asarray(separation, float), filter_length)
    return Summary(batch.realisation.size, _series(plan, batch), snapshots)


def _series(plan: Plan, batch: Batch) -> dict[str, Array]:
    n, times = plan.ring.particles, np.asarray(plan.times, float)
    powers = np.asarray(batch.samples["powers"], float)
    kinetic, momentum = 0.5 * powers[:, :, 1] / n, powers[:, :, 0] / n
    interaction = np.asarray(batch.samples["interaction"], float) / n
    interaction = interaction - interaction[:, :1]
    total = kinetic + interaction
    error = total - total[:, :1]
    exact = {
        "t": times,
        "density": np.full_like(times, plan.ring.density),
        "absorbed_energy": np.zeros_like(times),
        "step": np.full_like(times, plan.longest_step),
        "energy_error_rms": np.sqrt((error**2).mean(axis=0)),
        "momentum_drift": np.abs(momentum - momentum[:, :1]).max(axis=0),
    }
    return exact | _with_errors(
        {
            "kurtosis": _kurtosis(powers, n),
            "momentum": Estimate.of(momentum),
            "kinetic_energy": Estimate.of(kinetic),
            "interaction_energy": Estimate.of(interaction),
            "total_energy": Estimate.of(total),
            "energy_error": Estimate.of(error),
        }
    )


def _snapshots(plan: Plan, batch: Batch, z: Array, filter_length: float) -> dict[str, Array]:
    ring, k = plan.ring.circumference, plan.wavenumbers
    structure = np.asarray(batch.samples["structure"], float)
    change = structure - structure[:, :1]
    wave = 2.0 / ring * np.exp(-0.5 * (k * filter_length) ** 2)[:, None] * np.cos(np.outer(k, z))
    edges = np.asarray(plan.theta_edges, float)
    rho = np.asarray(batch.samples["histogram"], float) / (ring * np.diff(edges))
    return {"t": plan.snapshot_times} | _with_errors(
        {
            "rho": Estimate.of(rho),
            "density_correlation": Estimate.of(change @ wave),
            "structure": Estimate.of(structure),
            "structure_change": Estimate.of(change),
        }
    )


def _with_errors(estimates: dict[str, Estimate]) -> dict[str, Array]:
    """Columns with their standard errors beside them."""
    columns: dict[str, Array] = {}
    for name, estimate in estimates.items():
        columns |= {name: estimate.value, f"{name}_stderr": estimate.stderr}
    return columns


def run(plan: Plan, comm: MPI.Comm, size: int = 16) -> Summary | None:
    """Run a plan to its end; the statistics on rank 0, None elsewhere. Collective."""
    batches = list(Ensemble(plan, comm).batches(size))
    return summarise(plan, Batch.join(batches)) if comm.rank == 0 else None


def _kurtosis(powers: Array, particles: int) -> Estimate:
    """Excess kurtosis of the pooled velocities (T,) and its jackknife error over realisations."""
    value = _pooled(powers.sum(axis=0), powers.shape[0] * particles)
    if powers.shape[0] == 1:
        return Estimate(value, np.full_like(value, np.nan))
    return Estimate(value, Estimate.of(kurtosis_samples(powers, particles)).stderr)


def kurtosis_samples(powers: Array, particles: int) -> Array:
    """Jackknife pseudo-values (R, T) of the pooled excess kurtosis: their mean and spread are its value and error.

    Parameters
    ----------
    powers : (R, T, 4) sums over the rods of v, v^2, v^3, v^4; R > 1
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
