"""Amplitudes of an encounter of three quasiparticles with momentum transfers q_1 + q_2 + q_3 = 0.

On shell q = lambda d with d the differences of effective velocities.

* `vertex`, any model, first order in V. For rods it is (1 - a rho)^2 a `contact_amplitude`: a third rod between two
  others lengthens their distance by a.
* `successive_amplitude`, free particles, second order: one collision disturbs the next. It vanishes for V = delta, and
  for 1/x^2 and 1/sinh^2, whose gases stay integrable, it is c lambda^2, contact of three without transfer at a distance
  (J.-B. Fouvry, P.-H. Chavanis, C. Pichon, Phys. Rev. E 102, 052110: the kinetic theory of order 1/N^2 of long-range
  forces, which has this amplitude). With rods W = (1 - a rho)^2 (a `contact_amplitude` + `successive_amplitude`), and
  the two interfere: odd in V0.
"""

from collections.abc import Callable

import numpy as np

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.collisions.pair_table import LogSamples

Transform = Callable[[Array], Array]
Triple = tuple[Array, Array, Array]

#: spacing of ln lambda, and its range in units of 1/(range d) for the smallest difference d, below and above
LOG_STEP, BELOW, ABOVE = 0.05, 9.0, 6.0


def vertex(q: Triple, transform: Transform, unit: tuple[float, float, float], backflow: Array) -> Array:
    """W = sum_(i; jk the other two) V_(q_i) 1^dr_i 2 pi T^dr_jk q_i^2/(q_j q_k); same shape as each of q.

    Parameters
    ----------
    q
        Momentum transfers.
    transform
        V_k.
    unit
        1^dr of each.
    backflow : (3, 3)
        2 pi T^dr between them.
    """
    legs = (unit[0] * backflow[1, 2], unit[1] * backflow[2, 0], unit[2] * backflow[0, 1])
    total = sum(leg * p**3 * transform(p) for leg, p in zip(legs, q, strict=True))
    return np.asarray(total / (q[0] * q[1] * q[2]))


def contact_amplitude(q: Triple, transform: Transform) -> Array:
    """T/a of rods, first order in V; same shape as each of q."""
    return vertex(q, transform, (1.0, 1.0, 1.0), -np.ones((3, 3)))


def successive_amplitude(d: Triple, V: Triple) -> Array:
    """T of second order, - (d_3 V_1 V_2 + d_1 V_2 V_3 + d_2 V_3 V_1)/(d_1 d_2 d_3), with V_i = V_(lambda d_i)."""
    one, two, three = d
    return np.asarray(-(three * V[0] * V[1] + one * V[1] * V[2] + two * V[2] * V[0]) / (one * two * three))


class SecondOrderKernel:
    """int dlambda lambda^2 (T_1/a) T_2 and int dlambda lambda^2 T_2^2 of three nodes of a uniform mesh.

    Trapezoidal rule in ln lambda, exponentially convergent.

    Attributes
    ----------
    mixed, square : (N, N)
        At [p, q] for differences p and q of neighbouring nodes in units of the spacing; 0 for p = 0 or q = 0.
        Velocities are theta; with d = theta differences/kappa they carry kappa^5 and kappa^7.
    error : of the rule, relative to the largest entry, from twice its step

    Parameters
    ----------
    first, second
        V_k in the amplitude of that order.
    range
        Unit of length of both.
    points, spacing
        The mesh.
    """

    def __init__(self, first: LogSamples, second: LogSamples, range: float, points: int, spacing: float) -> None:
        unit = np.exp(LOG_STEP * np.arange(-round((BELOW + np.log(points)) / LOG_STEP), round(ABOVE / LOG_STEP)))
        count = np.arange(1.0, points)
        V, W = (np.concatenate([np.zeros((1, unit.size)), V_k(count[:, None] * unit)]) for V_k in (first, second))
        lam = unit / (range * spacing)  # lambda
        weight = 2.0 * LOG_STEP * lam**3
        self.mixed, self.square = np.zeros((2, points, points))
        coarse = np.zeros((points, points))
        for p in np.arange(1, points - 1):
            q = np.arange(1, points - p)
            one, two, three = (x[:, None] * spacing for x in (q, -(p + q), np.full_like(q, p)))
            contact = -(one**3 * V[q] + two**3 * V[p + q] + three**3 * V[p]) / (one * two * three)
            successive = successive_amplitude((one, two, three), (W[q], W[p + q], W[p]))
            self.mixed[p, q] = (contact * successive) @ weight
            self.square[p, q] = successive**2 @ weight
            coarse[p, q] = 2.0 * successive[:, ::2] ** 2 @ weight[::2]
        wrong = np.abs(coarse - self.square).max() / max(float(self.square.max()), np.finfo(float).tiny)
        self.error = float(min(wrong, max(wrong**2, 1e-12)))
