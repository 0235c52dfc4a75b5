"""Means over realisations with their errors: which statistic feeds which column of a result."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.md.clouds import CloudPlan
from gbbgky_petsc.md.ensemble import Batch, Ensemble
from gbbgky_petsc.md.rings import RingPlan


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

    @classmethod
    def of_sums(cls, sums: NDArray[np.int64], count: int, unit: float) -> "Estimate":
        """From the sums and sums of squares (2, ...) of ``count`` whole numbers, in ``unit``."""
        mean = sums[0] / count
        if count == 1:
            return cls(mean / unit, np.full_like(mean, np.nan))
        variance = np.maximum(sums[1] - count * mean**2, 0.0) / (count - 1)
        return cls(mean / unit, np.sqrt(variance / count) / unit)

    @classmethod
    def jackknife(cls, samples: Array, function: Callable[[Array], Array]) -> "Estimate":
        """A function of means over realisations, error from leaving out one after another; samples (R, ...)."""
        count, total = samples.shape[0], samples.sum(axis=0)
        value = function(total / count)
        if count == 1:
            return cls(value, np.full_like(value, np.nan))
        without = function((total - samples) / (count - 1))
        return cls(value, np.asarray(np.sqrt((count - 1) * without.var(axis=0))))


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


def summarise(plan: RingPlan, batch: Batch, separation: Sequence[float] = (), filter_length: float = 0.0) -> Summary:
    """Statistics over the realisations of a batch (`Batch.join`).

    ``density_correlation`` is the change since the first time of the density correlation at ``separation`` (Z,),
    low-passed by exp(-(k filter_length)^2/2) and restricted to the measured wavenumbers:
    (2/L) sum_k (S_k(t) - S_k(first)) exp(-(k filter_length)^2/2) cos(kz).
    """
    snapshots = _snapshots(plan, batch, np.asarray(separation, float), filter_length)
    return Summary(batch.realisation.size, _series(plan, batch), snapshots)


def _series(plan: RingPlan, batch: Batch) -> dict[str, Array]:
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
        "entropy_rate": np.full_like(times, np.nan),
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
            "entropy": _entropy(plan, batch),
        }
    )


def _entropy(plan: RingPlan, batch: Batch) -> Estimate:
    """Entropy per particle (T,) of the pooled histogram at the snapshots, nan at other times.

    Its bias from finite counts is taken out to first order, (occupied cells - 1)/(2 counts); the error is that of the
    linearised functional over realisations.
    """
    times, edges = np.asarray(plan.times, float), np.asarray(plan.theta_edges, float)
    value, stderr = np.full((2, times.size), np.nan)
    if edges.size == 0:
        return Estimate(value, stderr)
    theta, weight = 0.5 * (edges[1:] + edges[:-1]), float(edges[1] - edges[0])
    counts = np.asarray(batch.samples["histogram"], float)
    density = plan.ring.density
    for s, t in enumerate(np.searchsorted(times, plan.snapshot_times)):
        rho = counts[:, s] / (plan.ring.circumference * weight)
        mean, pooled = rho.mean(axis=0), counts[:, s].sum(axis=0)
        bias = ((pooled > 0.0).sum() - 1.0) / (2.0 * pooled.sum())
        value[t] = plan.model.entropy(theta, weight, mean) / density + bias
        linear = weight / density * rho @ plan.model.entropy_gradient(theta, weight, mean)
        stderr[t] = Estimate.of(linear).stderr
    return Estimate(value, stderr)


def _snapshots(plan: RingPlan, batch: Batch, z: Array, filter_length: float) -> dict[str, Array]:
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


def summarise_cloud(plan: CloudPlan, batch: Batch) -> Summary:
    """Statistics of a cloud over the realisations of a batch. Energies and momentum are totals, not per particle."""
    return Summary(batch.realisation.size, _cloud_series(plan, batch), _cloud_snapshots(plan, batch))


def _cloud_series(plan: CloudPlan, batch: Batch) -> dict[str, Array]:
    n, times = plan.ring.particles, np.asarray(plan.times, float)
    powers, places, interaction, trap = (
        np.asarray(batch.samples[name], float) for name in ("powers", "places", "interaction", "trap")
    )
    kinetic = 0.5 * powers[:, :, 1]
    total = kinetic + interaction + trap
    error = total - total[:, :1]
    exact = {
        "t": times,
        "number": np.full_like(times, n),
        "step": np.full_like(times, plan.longest_step),
        "energy_error_rms": np.sqrt((error**2).mean(axis=0)),
    }
    return exact | _with_errors(
        {
            "momentum": Estimate.of(powers[:, :, 0]),
            "kinetic_energy": Estimate.of(kinetic),
            "trap_energy": Estimate.of(trap),
            "interaction_energy": Estimate.of(interaction),
            "total_energy": Estimate.of(total),
            "energy_error": Estimate.of(error),
            "centre": Estimate.of(places[:, :, 0] / n),
            "width": Estimate.jackknife(places / n, lambda m: _deviation(m[..., 0], m[..., 1])),
            "rapidity_width": Estimate.jackknife(powers[:, :, :2] / n, lambda m: _deviation(m[..., 0], m[..., 1])),
            "kurtosis": _kurtosis(powers, n),
        }
    )


def _cloud_snapshots(plan: CloudPlan, batch: Batch) -> dict[str, Array]:
    moments = np.asarray(batch.samples["moments"], float)

    def velocity(m: Array) -> Array:
        return np.asarray(m[..., 1, :] / m[..., 0, :])

    def temperature(m: Array) -> Array:
        return np.asarray(m[..., 2, :] / m[..., 0, :] - velocity(m) ** 2)

    cell = plan.space.spacing
    with np.errstate(invalid="ignore", divide="ignore"):  # no velocity where there are no rods
        return {"t": plan.snapshot_times} | _with_errors(
            {
                "rho": Estimate.of_sums(batch.sums["phase_space"], batch.realisation.size, cell * plan.theta_weight),
                "density": Estimate.of(moments[:, :, 0] / cell),
                "velocity": Estimate.jackknife(moments, velocity),
                "temperature": Estimate.jackknife(moments, temperature),
            }
        )


def _deviation(first: Array, second: Array) -> Array:
    """Standard deviation from the means of x and x^2."""
    return np.sqrt(np.maximum(second - first**2, 0.0))


def _with_errors(estimates: dict[str, Estimate]) -> dict[str, Array]:
    """Columns with their standard errors beside them."""
    columns: dict[str, Array] = {}
    for name, estimate in estimates.items():
        columns |= {name: estimate.value, f"{name}_stderr": estimate.stderr}
    return columns


def run(plan: RingPlan, comm: MPI.Comm, size: int = 16) -> Summary | None:
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
