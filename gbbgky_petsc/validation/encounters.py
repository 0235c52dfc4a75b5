"""Encounters of three and of four rods of finite length, first order in V, by Monte Carlo: what comes after three.

The vertex of m rods is the change of the energy of all pairs, each of the m once added and once not, averaged over the
others (`gbbgky_petsc.collisions.rod_lengths`). With G_m(q) the transform of the mean of the (m - 2)-th difference, in
steps of a, of the second derivative of V at the distance y + a(1 + n), odd in y for m = 3 and even for m = 4,

    W_3 = sum_i G_3(q_i)/(q_1 q_2 q_3),
    W_4 = [sum_i G_4(q_i) - G_4(q_1 + q_2) - G_4(q_1 + q_3) - G_4(q_1 + q_4)]/(q_1 q_2 q_3 q_4),

and int phi rho changes at the rate

    - (1/m!) int prod rho_i dtheta_i int d^(m-1)q/(2 pi)^(m-1) pi delta(q.theta) |W_m|^2 (q.phi') (q.d ln rho),

rho and q those of the contracted coordinates. For m = 4 this is of order a^2 rho/xi relative to m = 3.
"""

from collections.abc import Callable
from math import factorial

import numpy as np
from scipy.interpolate import CubicSpline

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.physics.potential import Potential
from gbbgky_petsc.physics.potential.differences import mean_differences

#: mesh of y in units of the range: spacing and end; of q in units of its inverse: points and end
SPACING, END = 0.02, 40.0
WAVES, LARGEST = 2500, 25.0


def encounter_rate(
    potential: Potential, length: float, theta: Array, rho: Array, rods: int, samples: int = 200_000, seed: int = 1
) -> tuple[float, float]:
    """d kurtosis/dt by encounters of so many rods, and its standard error.

    Parameters
    ----------
    potential
    length
        a > 0.
    theta, rho : (N,)
        Uniform mesh and rapidity density, positive; the kurtosis is that about zero.
    rods
        3 or 4.
    samples, seed
        Of the Monte Carlo sum.
    """
    rng = np.random.default_rng(seed)
    density = float(rho.sum() * (theta[1] - theta[0]))
    contracted = density / (1.0 - length * density)
    v, slope = _velocities(theta, rho, rods, samples, rng)
    q, weight = _transfers(v, potential.range, rng)
    W = _vertex(potential, length, density, rods)(q)
    front = np.pi * contracted ** (rods - 1) / (factorial(rods) * (2.0 * np.pi) ** (rods - 1))
    share = rho / rho.sum()
    second, fourth = float(theta**2 @ share), float(theta**4 @ share)
    moment = 4.0 * v**3 / second**2 - 4.0 * fourth * v / second**3  # phi' of theta^4/m2^2 - 2 m4 theta^2/m2^3
    values = -front * weight * W**2 * (q * moment).sum(axis=1) * (q * slope).sum(axis=1)
    return float(values.mean()), float(values.std() / np.sqrt(samples))


def _velocities(theta: Array, rho: Array, rods: int, samples: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Velocities drawn from rho > 0, and (ln rho)' there, (samples, rods) each."""
    log = CubicSpline(theta, np.log(rho))
    fine = np.linspace(theta[0], theta[-1], 8001)
    cumulative = np.cumsum(np.exp(log(fine)))
    v = np.interp(rng.random((samples, rods)), cumulative / cumulative[-1], fine)
    return v, log(v, 1)


def _transfers(v: Array, range: float, rng: np.random.Generator) -> tuple[Array, Array]:
    """Momentum transfers with sum q = q.v = 0, (samples, m), and their weight in int d^(m-1)q delta(q.v), (samples,).

    On that plane of m - 2 dimensions the direction is random and the radius of density s/(s + radius)^2.
    """
    samples, m = v.shape
    span = rng.standard_normal((samples, m, m))
    span[:, :, 0], span[:, :, 1] = 1.0, v
    basis = np.linalg.qr(span)[0][:, :, 2:]
    direction = rng.standard_normal((samples, m - 2))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    uniform, scale = rng.random(samples), 2.0 / range
    radius = scale * uniform / (1.0 - uniform)
    sphere = {3: 2.0, 4: 2.0 * np.pi}[m] * radius ** (m - 3)
    apart = np.linalg.norm(v - v.mean(axis=1, keepdims=True), axis=1)
    q = np.einsum("smd,sd->sm", basis, direction * radius[:, None])
    return q, sphere * (scale + radius) ** 2 / (scale * np.sqrt(m) * apart)


def _vertex(potential: Potential, length: float, density: float, rods: int) -> Callable[[Array], Array]:
    """W_m of transfers (samples, m), with q^2 int s sin or cos for G: its boundary terms cancel."""
    y, h = potential.range * SPACING * (np.arange(round(END / SPACING)) + 0.5), potential.range * SPACING
    contracted = density / (1.0 - length * density)
    F = mean_differences(potential, length, y, contracted * y, range(rods - 2, rods + 1))
    outer = [h * (np.cumsum(f[::-1])[::-1] - 0.5 * f) for f in F]
    twice = h * (np.cumsum(outer[2][::-1])[::-1] - 0.5 * outer[2])
    s = F[0] + 2.0 * contracted * outer[1] + contracted**2 * twice
    waves = np.linspace(0.0, LARGEST / potential.range, WAVES)
    wave = np.sin if rods == 3 else np.cos
    transform = CubicSpline(waves, [2.0 * h * float(s @ wave(k * y)) for k in waves])

    def G(q: Array) -> Array:
        value = q**2 * np.where(np.abs(q) < waves[-1], transform(np.minimum(np.abs(q), waves[-1])), 0.0)
        return value * np.sign(q) if rods == 3 else value

    def vertex(q: Array) -> Array:
        total = G(q).sum(axis=1)
        if rods == 4:
            total = total - G(q[:, :1] + q[:, 1:]).sum(axis=1)
        return np.asarray(total / q.prod(axis=1))

    return vertex
