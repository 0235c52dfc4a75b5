"""Relaxation spectrum: the collision integral linearised around the thermal state of given density and energy."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.collisions.operator import CollisionOperator, kinds
from gbbgky_petsc.errors import InputError, SolverError
from gbbgky_petsc.physics import observables
from gbbgky_petsc.physics.states import Thermal

#: imaginary part of a decay rate, relative to it, that counts as rounding
IMAGINARY = 1e-6
#: a mode with this share of its weight in the outermost twentieth of the window belongs to the window
EDGE = 0.5


@dataclass(frozen=True)
class Spectrum:
    """Slowest modes of relaxation.

    D^LR falls off about as 1/theta, so the slowest modes live in the tails of rho, where few particles are: the window
    must hold them (rms theta well inside theta_max), and they say little about the bulk, whose time is that of
    ``kurtosis_rate``.

    Attributes
    ----------
    beta : inverse temperature of the thermal state
    rho : (N,) the thermal state
    rates : (m,) decay rates, rising; the three conserved modes and those of the window's edge are left out
    modes : (m, N) with maximum 1
    spread : (m,) root mean square theta of each mode with weight mode^2/rho
    kurtosis_rate : decay rate of the kurtosis of the perturbation rho He_4(theta)
    """

    beta: float
    rho: Array
    rates: Array
    modes: Array
    spread: Array
    kurtosis_rate: float


def thermal_state(collisions: CollisionOperator, rho: Array) -> tuple[float, Array]:
    """(beta, rho) of the thermal state with the density and the energy of ``rho``, at rest.

    Raises
    ------
    InputError
        If rho has a momentum, or the window of theta does not hold the state.
    """
    mesh, model = collisions.mesh, collisions.model
    theta, weight = mesh.theta, mesh.theta_weight
    energy = observables.kinetic_energy(model, theta, rho)
    speed = observables.rms_speed(model, theta, rho)
    if abs(observables.momentum(theta, rho)) > 1e-6 * speed:
        raise InputError(f"state: has momentum {observables.momentum(theta, rho):.2g}; spectra are for states at rest")
    density = weight * float(rho.sum())

    def at(beta: float) -> Array:
        return Thermal(density, beta).sample(theta, weight, model)

    def excess(logarithm: float) -> float:
        return observables.kinetic_energy(model, theta, at(float(np.exp(logarithm)))) / energy - 1.0

    guess = float(np.log(0.5 / energy))  # of a Boltzmann gas, whatever its units of mass
    low, high = guess - 0.5, guess + 0.5
    for _ in range(12):
        if excess(low) > 0.0 > excess(high):
            beta = float(np.exp(brentq(excess, low, high, xtol=1e-14)))
            return beta, at(beta)
        low, high = low - 0.5, high + 0.5
    raise InputError(f"mesh.theta_max = {mesh.theta_max:g}: holds no thermal state of energy {energy:g}")


def spectrum(collisions: CollisionOperator, rho: Array, count: int) -> Spectrum:
    """The ``count`` slowest decay rates around the thermal state with density and energy of ``rho``. Collective.

    All eigenvalues of the dense (N, N) linearisation are computed. Rates of N, P and E vanish and are left out.

    Raises
    ------
    InputError
        As `thermal_state`, for more modes than the mesh has, or an operator without a derivative of its own.
    SolverError
        If a mode grows or oscillates, which the kinetic equation excludes.
    """
    if not collisions.linearises:
        able = ", ".join(kind for kind, operator in kinds().items() if operator.linearises)
        raise InputError(f"kinetic.spectrum = {count}: not for kinetic.kind = {collisions.kind}; allowed: {able}")
    collisions.at(np.inf)
    theta, theta_max = collisions.mesh.theta, collisions.mesh.theta_max
    beta, thermal = thermal_state(collisions, rho)
    J = collisions.derivative(thermal, beta)
    eigenvalues, vectors = np.linalg.eig(J)
    order = np.argsort(np.abs(eigenvalues))[3:]
    weight = np.abs(vectors[:, order]) ** 2 / thermal[:, None]
    weight /= weight.sum(axis=0)
    inner = weight[np.abs(theta) > 0.95 * theta_max].sum(axis=0) < EDGE
    if count > inner.sum():
        raise InputError(f"kinetic.spectrum = {count}: allowed: at most {inner.sum()} on this mesh")
    order, weight = order[inner][:count], weight[:, inner][:, :count]
    rates, modes = -eigenvalues[order], vectors[:, order]
    if rates.real.min() <= 0.0 or np.abs(rates.imag).max() > IMAGINARY * np.abs(rates).max():
        raise SolverError(f"relaxation spectrum: a mode does not decay (eigenvalue {-rates[rates.real.argmin()]:.3g})")
    turned = modes / np.take_along_axis(modes, np.abs(modes).argmax(axis=0)[None, :], axis=0)
    spread = np.sqrt(theta**2 @ weight)
    return Spectrum(beta, thermal, rates.real, turned.real.T, spread, _kurtosis_rate(J, theta, thermal))


def _kurtosis_rate(J: Array, theta: Array, thermal: Array) -> float:
    """- (d kappa/dt)/kappa for delta rho = rho (x^4 - 6 x^2 + 3), x = theta in units of its spread."""
    x = theta / np.sqrt((theta**2 * thermal).sum() / thermal.sum())
    change = thermal * (x**4 - 6.0 * x**2 + 3.0)
    for power in (0, 2):  # keep number and energy for any rho, not for a Maxwellian alone
        basis = thermal * x**power if power == 0 else thermal * (x**2 - 1.0)
        change = change - basis * (x**power @ change) / (x**power @ basis)
    return -float(x**4 @ (J @ change)) / float(x**4 @ change)
