"""The pair potential in encounters of three rods of finite length: first order in V at any a/xi.

In the coordinates y in which rods are free, two with n others in between are |y| + a(1 + n) apart. The vertex of three
is the change of the energy of all pairs, each of the three once added and once not, averaged over the others: n is
Poissonian. The others are at the ends of pairs, too, from which short rods have their factor (1 - a rho)^2. For
momentum transfers q along y all of it comes to

    W = sum_j Gamma(q_j)/(q_1 q_2 q_3),    Gamma(q) = 2 int_0^infinity <V''(y + a(2+n)) - V''(y + a(1+n))>_n sin qy dy,

up to multiples of q, which cancel (rods with V = |x| stay integrable). Short rods have a times the third derivative
there. With x = y/kappa, kappa = 1 - a rho, n of mean rho x, and F_m the mean of the m-th difference of V in steps of a,
this is the vertex of short rods with

    s(x) = [F_1 + 2 rho int_x^infinity F_2 dx' + rho^2 int_x^infinity (x' - x) F_3 dx']/(a kappa^2)

in the place of V', V_k = - (2/k) int_0^infinity s sin kx dx. At low density s is about V'(x + 3a/2), a correction of
order a/xi. Encounters of four, of order a^2 rho/xi, are left out.
"""

import numpy as np
from scipy.special import eval_legendre, roots_legendre, spherical_jn

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.physics.potential import Potential
from gbbgky_petsc.physics.potential.differences import mean_differences

#: Gauss points of a panel, and so the number of its Legendre polynomials
POINTS = 24
ORDERS = np.arange(POINTS)
NODES, WEIGHTS = roots_legendre(POINTS)
#: values at the nodes into coefficients of P_l: values @ PROJECT
PROJECT = (ORDERS + 0.5) * eval_legendre(ORDERS, NODES[:, None]) * WEIGHTS[:, None]
#: those into int_t^1 at the nodes t: coefficients @ OUTER, by (2l + 1) P_l = (P_(l+1) - P_(l-1))'
HIGHER = ORDERS[1:, None]
OUTER = np.vstack(
    [1.0 - NODES, (eval_legendre(HIGHER - 1, NODES) - eval_legendre(HIGHER + 1, NODES)) / (2.0 * HIGHER + 1.0)]
)
#: length of the panels near the origin in units of the range, and where they begin to double
PANEL, NEAR = 0.25, 8.0
#: V' times x^2 at which the panels end, relative to its largest value, and where they end in any case
NEGLIGIBLE, FAR = 1e-13, 4096.0


class RodPotential:
    """V_k as the vertex of rods has it; ``fourier`` and ``range`` as of `Potential`.

    Attributes
    ----------
    range : unit of length
    error : of the polynomials in the panels, relative to the largest |s - V'|

    Parameters
    ----------
    potential
    length, density
        a and rho, a rho < 1.
    """

    def __init__(self, potential: Potential, length: float, density: float) -> None:
        self.potential, self.range = potential, potential.range
        self._halves, self._centres = _panels(potential)
        x = self.range * (self._centres[:, None] + self._halves[:, None] * NODES)
        kappa = 1.0 - length * density
        rows = [mean_differences(potential, length, kappa * row, density * row, (1, 2, 3)) for row in x]
        first, second, third = np.stack(rows, axis=1)  # F_m
        total = first + 2.0 * density * self._outer(second) + density**2 * self._outer(self._outer(third))
        change = total / (length * kappa**2) - potential.derivative(x)
        self._parts = change @ PROJECT
        peak = float(np.abs(change).max())
        self.error = float(np.abs(self._parts[:, -2:]).max()) / peak if peak > 0.0 else 0.0

    def _outer(self, values: Array) -> Array:
        """int_x^infinity of values at the nodes x of all panels, same shape."""
        parts = values @ PROJECT * (self.range * self._halves)[:, None]
        beyond = np.append(np.cumsum(2.0 * parts[::-1, 0])[::-1][1:], 0.0)
        return np.asarray(parts @ OUTER + beyond[:, None])

    def fourier(self, k: Array) -> Array:
        """V_k - (2/k) int_0^infinity (s - V') sin kx dx for k > 0, same shape as k.

        In a panel int P_l(t) e^(i w t) dt = 2 i^l j_l(w), for any number of periods.
        """
        q = np.asarray(k) * self.range
        total = np.zeros(q.shape, dtype=complex)
        for half in np.unique(self._halves):
            own = self._halves == half
            waves = 2.0 * half * 1j**ORDERS * spherical_jn(ORDERS, half * q[..., None])
            total += (np.exp(1j * q[..., None] * self._centres[own]) * (waves @ self._parts[own].T)).sum(axis=-1)
        return np.asarray(self.potential.fourier(k) - 2.0 * self.range**2 * total.imag / q)


def _panels(potential: Potential) -> tuple[Array, Array]:
    """Half-lengths and centres, (panels,), in units of the range, up to where V' is negligible."""
    low, peak = [0.0], 0.0
    while low[-1] < FAR:
        low.append(low[-1] + (PANEL if low[-1] < NEAR else low[-1]))
        inside = np.linspace(low[-2], low[-1], 9)[1:]
        slope = np.abs(potential.derivative(potential.range * inside))
        peak = max(peak, float(slope.max()))
        if low[-1] > NEAR and float((slope * inside**2).max()) <= NEGLIGIBLE * peak:
            break
    edges = np.array(low)
    return 0.5 * np.diff(edges), 0.5 * (edges[1:] + edges[:-1])
