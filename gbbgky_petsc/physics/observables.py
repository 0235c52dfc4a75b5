"""Observables of rho and of the density correlation: one definition for theory and dynamics.

The columns of /series are one table, `COLUMNS`: a method of `Sample` under `column` is a further one.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.physics.models.base import IntegrableModel
from gbbgky_petsc.physics.potential import Potential


def momentum(theta: Array, rho: Array) -> float:
    """Momentum per particle, int theta rho / density."""
    return float((theta * rho).sum() / rho.sum())


def kurtosis(theta: Array, rho: Array) -> float:
    """Excess kurtosis of rho(theta) about its mean: 0 for a Maxwellian."""
    mean = momentum(theta, rho)
    second = float(((theta - mean) ** 2 * rho).sum() / rho.sum())
    fourth = float(((theta - mean) ** 4 * rho).sum() / rho.sum())
    return fourth / second**2 - 3.0


def kurtosis_rate(theta: Array, rho: Array, rate: Array) -> float:
    """d kurtosis/dt at constant density and momentum, inverse time; theta, rho and d rho/dt are (N,)."""
    centred = theta - momentum(theta, rho)
    second, fourth = (float(centred**p @ rho / rho.sum()) for p in (2, 4))
    d_second, d_fourth = (float(centred**p @ rate / rho.sum()) for p in (2, 4))
    return d_fourth / second**2 - 2.0 * fourth * d_second / second**3


def kinetic_energy(model: IntegrableModel, theta: Array, rho: Array) -> float:
    """Energy of the integrable model per particle, int e rho / density."""
    return float((model.energy(theta) * rho).sum() / rho.sum())


def rms_speed(model: IntegrableModel, theta: Array, rho: Array) -> float:
    """Root of the mean square of the bare velocity e' in rho: the scale of speeds of a state."""
    return float(np.sqrt((model.energy_derivative(theta) ** 2 * rho).sum() / rho.sum()))


def rescaled_time_unit(model: IntegrableModel, potential: Potential, theta: Array, weight: float, rho: Array) -> float:
    """t for which t (a rho V0)^2 / (xi v)^3 = 1, with v the `rms_speed` of the initial rho.

    Infinite for free particles or without a potential, whose rescaled time stands still.
    """
    density = weight * float(rho.sum())
    speed = rms_speed(model, theta, rho)
    rate = (model.contact_length * density * potential.strength) ** 2 / (potential.range * speed) ** 3
    return 1.0 / rate if rate > 0.0 else np.inf


def relative_size(difference: Array, reference: Array) -> float:
    """max|difference|/max|reference|; nan where the reference vanishes."""
    size = float(np.abs(reference).max())
    return float(np.abs(difference).max()) / size if size else float("nan")


@dataclass(frozen=True)
class Clock:
    """Where along a run a sample is: t, size of the step that ends there or covers it, t of one rescaled unit."""

    t: float
    step: float
    unit: float


@dataclass(frozen=True)
class Column:
    """A column of /series: its name, unit, meaning, and how it follows from a sample."""

    name: str
    unit: str
    meaning: str
    value: Callable[["Sample", Clock], float]


COLUMNS = {
    c.name: c
    for c in (
        Column("t", "time", "time", lambda sample, clock: clock.t),
        Column("t_rescaled", "1", "t (a rho V0)^2 / (xi v)^3", lambda sample, clock: clock.t / clock.unit),
        Column("step", "time", "size of the step that ends at t or covers it", lambda sample, clock: clock.step),
    )
}


def column(unit: str, meaning: str) -> Callable[[Callable[["Sample"], float]], property]:
    """Decorator: a method of `Sample` becomes a property and a column of /series of the same name."""

    def keep(method: Callable[["Sample"], float]) -> property:
        name = method.__name__
        COLUMNS[name] = Column(name, unit, meaning, lambda sample, clock: method(sample))
        return property(method, doc=meaning)

    return keep


@dataclass(frozen=True)
class Sample:
    """One moment of a run. Energies are per particle.

    Attributes
    ----------
    model
        The integrable model.
    theta, rho : (N,)
        Rapidities and density.
    weight
        Quadrature weight of theta.
    interaction, absorbed
        Interaction energy, and the part of it that was taken out at the ends of the z-domain.
    rho_rate : (N,)
        d rho/dt.
    """

    model: IntegrableModel
    theta: Array
    weight: float
    rho: Array
    interaction: float
    absorbed: float
    rho_rate: Array

    @column("1/length", "int rho dtheta")
    def density(self) -> float:
        return self.weight * float(self.rho.sum())

    @column("momentum", "int theta rho dtheta / density")
    def momentum(self) -> float:
        return momentum(self.theta, self.rho)

    @column("1", "excess kurtosis of rho(theta)")
    def kurtosis(self) -> float:
        return kurtosis(self.theta, self.rho)

    @column("energy", "int e rho dtheta / density")
    def kinetic_energy(self) -> float:
        return kinetic_energy(self.model, self.theta, self.rho)

    @column("energy", "1/2 int V(z) int int g dz / density")
    def interaction_energy(self) -> float:
        return self.interaction

    @column("energy", "interaction energy taken out at the ends of the z-domain, per particle")
    def absorbed_energy(self) -> float:
        return self.absorbed

    @column("energy", "kinetic + interaction + absorbed: conserved")
    def total_energy(self) -> float:
        return self.kinetic_energy + self.interaction + self.absorbed

    @column("1", "Yang-Yang entropy int rho_s s(n) dtheta / density")
    def entropy(self) -> float:
        return self.model.entropy(self.theta, self.weight, self.rho) / self.density

    @column("1/time", "d/dt of the entropy per particle")
    def entropy_rate(self) -> float:
        gradient = self.model.entropy_gradient(self.theta, self.weight, self.rho)
        return self.weight * float(gradient @ self.rho_rate) / self.density

    def row(self, clock: Clock) -> dict[str, float]:
        """Every column."""
        return {name: c.value(self, clock) for name, c in COLUMNS.items()}
