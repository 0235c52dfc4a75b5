"""Observables of rho and of the density correlation: one definition for theory and dynamics."""

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


def kinetic_energy(model: IntegrableModel, theta: Array, rho: Array) -> float:
    """Energy of the integrable model per particle, int e rho / density."""
    return float((model.energy(theta) * rho).sum() / rho.sum())


def rms_speed(model: IntegrableModel, theta: Array, rho: Array) -> float:
    """Root of the mean square of the bare velocity e'/p' in rho: the scale of speeds of a state."""
    return float(np.sqrt((model.velocity(theta) ** 2 * rho).sum() / rho.sum()))


def rescaled_time_unit(model: IntegrableModel, potential: Potential, theta: Array, weight: float, rho: Array) -> float:
    """t for which t (a rho V0)^2 / (xi v)^3 = 1, with v the `rms_speed` of the initial rho.

    Infinite for free particles or without a potential, whose rescaled time stands still.
    """
    density = weight * float(rho.sum())
    speed = rms_speed(model, theta, rho)
    rate = (model.contact_length * density * potential.strength) ** 2 / (potential.range * speed) ** 3
    return 1.0 / rate if rate > 0.0 else np.inf
