"""Statistics of samples that are independent between realisations and correlated in time."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.md.statistics import kurtosis_samples
from gbbgky_petsc.store.reader import Result


@dataclass(frozen=True)
class Estimate:
    """Means (T,) and their covariance (T, T) over realisations."""

    value: Array
    covariance: Array

    @classmethod
    def of_samples(cls, samples: Array) -> "Estimate":
        """From one row per realisation, (R, T) with R > 1."""
        count = samples.shape[0]
        return cls(samples.mean(axis=0), np.atleast_2d(np.cov(samples, rowvar=False)) / count)

    @property
    def error(self) -> Array:
        """(T,) standard errors."""
        return np.sqrt(np.diag(self.covariance))

    def combined(self, weights: Array) -> tuple[float, float]:
        """A linear combination and its standard error, correlations included."""
        return float(weights @ self.value), float(np.sqrt(weights @ self.covariance @ weights))


def kurtosis(*dynamics: Result) -> Estimate:
    """Kurtosis at every time of /series, from jackknife pseudo-values of each realisation.

    Of several results it is their mean; they must start from the same realisations, which correlates them.
    """
    samples = [kurtosis_samples(d.samples["powers"], int(d.attributes["particles"])) for d in dynamics]
    return Estimate.of_samples(np.mean(samples, axis=0))


def kinetic_gain(dynamics: Result) -> Estimate:
    """Growth of the kinetic energy per particle since t = 0."""
    energy = 0.5 * dynamics.samples["powers"][:, :, 1] / int(dynamics.attributes["particles"])
    return Estimate.of_samples(energy - energy[:, :1])


def agreement(difference: Array, covariance: Array, realisations: int) -> tuple[float, float]:
    """Hotelling's T^2 of a vector of differences with its sample covariance, and the probability of one as large.

    The covariance is inverted on its eigenvectors above 1e-6 of the largest.
    """
    values, vectors = np.linalg.eigh(covariance)
    kept = values > 1e-6 * values.max()
    size = int(kept.sum())
    square = float((((vectors.T @ difference)[kept]) ** 2 / values[kept]).sum())
    scaled = square * (realisations - size) / (size * (realisations - 1))
    return square, float(stats.f.sf(scaled, size, realisations - size))


def slope_weights(t: Array) -> Array:
    """Weights (T,) that give the least-squares slope over t (T,)."""
    centred = t - t.mean()
    return centred / (centred @ centred)


def power_law(x: Array, y: Array, error: Array | None = None) -> tuple[float, float]:
    """Exponent of y ~ x^p and its standard error, from given errors of y or else from the scatter about the line."""
    weights = slope_weights(np.log(x))
    exponent = float(weights @ np.log(y))
    if error is not None:
        return exponent, float(np.sqrt(((weights * error / y) ** 2).sum()))
    rest = np.log(y) - np.log(y).mean() - exponent * (np.log(x) - np.log(x).mean())
    spread = np.sqrt((rest**2).sum() / max(len(x) - 2, 1))
    return exponent, float(spread * np.sqrt((weights**2).sum()))


def finite_size_bias(particles: int, initial_energy_spread: float, progress: Array) -> Array:
    """Kurtosis that a ring of N rods lacks against the infinite system, by how far it has relaxed.

    The pooled kurtosis of rings of fixed energy E and momentum is 3 N/(N+2) <E^2>/<E>^2 - 3 in equilibrium; it is taken
    to grow in proportion to ``progress`` (0 at t = 0, 1 in equilibrium).

    Parameters
    ----------
    initial_energy_spread
        Standard deviation of the kinetic energy of the rings over its mean.
    """
    final = 3.0 * particles / (particles + 2.0) * (1.0 + initial_energy_spread**2) - 3.0
    return final * progress
