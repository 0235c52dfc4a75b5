"""Relaxation spectrum: the collision integral linearised around the thermal state of given density and energy."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from gbbgky_petsc.errors import InputError, SolverError
from gbbgky_petsc.kinetic.collision import CollisionIntegral
from gbbgky_petsc.mesh import Array
from gbbgky_petsc.physics import observables
from gbbgky_petsc.physics.states import Thermal

#: imaginary part of a decay rate, relative to it, that counts as rounding
IMAGINARY = 1e-6


@dataclass(frozen=True)
class Spectrum:
    """Slowest modes of relaxation.

    Attributes
    ----------
    beta : inverse temperature of the thermal state
    rho : (N,) the thermal state
    rates : (m,) decay rates, rising; the three conserved modes are left out
    modes : (m, N) with maximum 1
    conserved : largest of the three |rates| of the conserved modes, relative to rates[0]: 0 but for rounding
    """

    beta: float
    rho: Array
    rates: Array
    modes: Array
    conserved: float


def thermal_state(collisions: CollisionIntegral, rho: Array) -> tuple[float, Array]:
    """(beta, rho) of the thermal state with the density and the energy of ``rho``, at rest.

    Raises
    ------
    InputError
        If rho has a momentum, or the window of theta does not hold the state.
    """
    mesh, model = collisions.mesh, collisions.model
    theta, weight = mesh.theta, mesh.theta_weight
    energy = observables.kinetic_energy(model, theta, rho)
    speed = float(np.sqrt((theta**2 * rho).sum() / rho.sum()))
    if abs(observables.momentum(theta, rho)) > 1e-6 * speed:
        raise InputError(f"state: has momentum {observables.momentum(theta, rho):.2g}; spectra are for states at rest")
    density = weight * float(rho.sum())

    def at(beta: float) -> Array:
        return Thermal(density, beta).sample(theta, weight, model)

    def excess(logarithm: float) -> float:
        return observables.kinetic_energy(model, theta, at(float(np.exp(logarithm)))) / energy - 1.0

    guess = float(np.log(0.5 / energy))
    low, high = guess - 0.5, guess + 0.5
    for _ in range(12):
        if excess(low) > 0.0 > excess(high):
            beta = float(np.exp(brentq(excess, low, high, xtol=1e-14)))
            return beta, at(beta)
        low, high = low - 0.5, high + 0.5
    raise InputError(f"mesh.theta_max = {mesh.theta_max:g}: no thermal state of energy {energy:g} fits; allowed: larger")


def spectrum(collisions: CollisionIntegral, rho: Array, count: int) -> Spectrum:
    """The ``count`` slowest decay rates around the thermal state with density and energy of ``rho``. Collective.

    All eigenvalues of the dense (N, N) linearisation are computed. Rates of N, P and E vanish and are left out.

    Raises
    ------
    InputError
        As `thermal_state`, or for more modes than the mesh has.
    SolverError
        If a mode grows or oscillates, which the kinetic equation excludes.
    """
    n = collisions.mesh.theta_points
    if count > n - 3:
        raise InputError(f"kinetic.spectrum = {count}: allowed: at most {n - 3} on this mesh")
    beta, thermal = thermal_state(collisions, rho)
    eigenvalues, vectors = np.linalg.eig(collisions.derivative(thermal, beta))
    order = np.argsort(np.abs(eigenvalues))
    conserved, order = order[:3], order[3 : 3 + count]
    rates, modes = -eigenvalues[order], vectors[:, order]
    if rates.real.min() <= 0.0 or np.abs(rates.imag).max() > IMAGINARY * np.abs(rates).max():
        raise SolverError(f"relaxation spectrum: a mode does not decay (eigenvalue {-rates[rates.real.argmin()]:.3g})")
    turned = modes / np.take_along_axis(modes, np.abs(modes).argmax(axis=0)[None, :], axis=0)
    return Spectrum(
        beta, thermal, rates.real, turned.real.T, float(np.abs(eigenvalues[conserved]).max() / rates.real[0])
    )
