"""The integral over momentum transfers of two Fourier transforms of the potential, as a table of one ratio.

    Q(p, q) = int_-infinity^infinity dlambda lambda^2 V(lambda p) V(lambda q)

is homogeneous of degree -3. With x = ln|p/q| and G(y) = e^(3y/2) V(e^y) (k in units of 1/range),

    Q(p, q) = |p q|^(-3/2) Psi(x),    Psi(x) = 2 int dy G(y + x/2) G(y - x/2),

so that the autocorrelation of samples on a uniform mesh of y = ln k gives the whole table at once. The trapezoidal rule
converges exponentially in its spacing; a slow tail of V(x), a non-analytic V_k at k = 0, is smooth in ln k, and a kink,
a power law at large k, is continued as one. What an amplitude with poles at equal velocities needs is

    S(x) = (1 - Psi(x)/Psi(0))/x^2,

which is even and smooth: the poles cancel by hand and the table's error is not divided by a small number.
"""

from dataclasses import dataclass
from typing import Protocol

import numba
import numpy as np
from mpi4py import MPI
from scipy.interpolate import CubicSpline

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.errors import InputError

#: spacing of y = ln(k range)
SPACING = 0.02
#: first y; the smallest ratio of two velocity differences that the table tells from zero is e^-LARGEST
FIRST, LARGEST = -13.0, 11.0
#: V_k/max V_k at which a power law is continued as one, since the transform's own error (1e-11) begins to matter
FLOOR = 1e-6
#: V_k/max V_k at which a transform that falls faster than any power is cut
NOISE = 1e-11
#: y at which one that has done neither is cut
LAST = 12.0
#: local exponent beyond which a decay counts as faster than any power
FAST = 8.0
#: change of the local exponent over half a unit of y at which a power law has settled, and y at which it need not have
SETTLED, PATIENCE = 0.1, 9.0
#: share of the integral of G^2 in what is not settled at which it may be cut
SHARE = 1e-10


class Transformable(Protocol):
    """What has a Fourier transform: a `Potential`, or one as seen by rods of finite length."""

    @property
    def range(self) -> float:
        """Unit of length."""

    def fourier(self, k: Array) -> Array:
        """V_k, same shape as k."""


@dataclass(frozen=True)
class LogSamples:
    """V_k on a uniform mesh of y = ln(k range).

    Attributes
    ----------
    y, values : (n,)
    exponent
        s of the power law k^-s that continues it, infinite if nothing does.
    """

    y: Array
    values: Array
    exponent: float

    @classmethod
    def of(cls, potential: Transformable, comm: MPI.Intracomm) -> "LogSamples":
        """Sample upwards until V_k has fallen for good; the ranks share the work. Collective.

        Raises
        ------
        InputError
            If V_k falls off no faster than k^-1.5: a potential that jumps.
        """
        half = round(0.5 / SPACING)
        blocks = [_shared(potential, FIRST + SPACING * np.arange(round((1.0 - FIRST) / SPACING)), comm)]
        top = float(np.abs(blocks[0]).max())
        exponent, y_next = 0.0, 1.0
        while top > 0.0 and y_next < LAST:
            blocks.append(_shared(potential, y_next + SPACING * np.arange(half), comm))
            before, now = np.abs(blocks[-2][-half:]).max(), np.abs(blocks[-1]).max()
            earlier, exponent = exponent, float(2.0 * np.log(before / max(now, 1e-300)))
            y_next += half * SPACING
            if exponent > FAST:
                if now < NOISE * top:
                    break
            elif now < FLOOR * top:
                if abs(exponent - earlier) < SETTLED or y_next > PATIENCE:
                    break
                if _square(blocks[-1:], y_next) < SHARE * _square(blocks, y_next):
                    exponent = np.inf
                    break
        values = np.concatenate(blocks)
        return cls(FIRST + SPACING * np.arange(values.size), values, _tail(values, exponent))

    def __call__(self, k: Array) -> Array:
        """V_k for k (in units of 1/range), by a cubic spline in ln k and the power law; same shape as k."""
        y = np.log(np.maximum(np.abs(k), np.exp(FIRST)))
        inside = CubicSpline(self.y, self.values)(np.minimum(y, self.y[-1]))
        beyond = np.maximum(y - self.y[-1], 0.0)
        fall = np.exp(-self.exponent * beyond) if np.isfinite(self.exponent) else 1.0 * (beyond == 0.0)
        return np.asarray(inside * fall)

    def weighted(self) -> Array:
        """G(y), (m,), continued by the power law until it is negligible."""
        G = np.exp(1.5 * self.y) * self.values
        if not np.isfinite(self.exponent):
            return np.asarray(G)
        rate = self.exponent - 1.5
        more = SPACING * np.arange(1, int(min(36.0 / rate, 400.0) / SPACING))
        return np.concatenate([G, G[-1] * np.exp(-rate * more)])


def _shared(potential: Transformable, y: Array, comm: MPI.Intracomm) -> Array:
    values = np.zeros_like(y)
    own = slice(comm.rank, None, comm.size)
    values[own] = potential.fourier(np.exp(y[own]) / potential.range)
    comm.Allreduce(MPI.IN_PLACE, values)
    return values


def _square(blocks: list[Array], end: float) -> float:
    """Sum of G^2 over samples of V_k that end before y = end."""
    values = np.concatenate(blocks)
    return float((np.exp(3.0 * (end - SPACING * np.arange(values.size, 0, -1))) * values**2).sum())


def _tail(values: Array, exponent: float) -> float:
    """s of a continuation k^-s; infinite where V_k falls faster than a power or oscillates."""
    last = values[-round(0.5 / SPACING) :]
    if exponent > FAST or not np.any(values):
        return np.inf
    if exponent < 1.6:
        raise InputError(f"potential: V_k falls off as k^-{exponent:.2g}; allowed: faster than k^-1.5 (no jumps)")
    if np.ptp(np.sign(last)) > 0.0:
        return np.inf
    return float(np.log(last[0] / last[-1])) / (SPACING * (last.size - 1))


class PairTable:
    """Psi(0) and S(x) of the module for one potential.

    Attributes
    ----------
    scale : Psi(0)
    error : estimated error of Psi relative to Psi(0): trapezoidal rule, interpolation and tail
    nodes : number of wavenumbers sampled
    coefficients : (m, 4) of the cubic in (x/SPACING - cell) that gives S in each cell

    Parameters
    ----------
    potential
    comm
        Its ranks share the transforms. Collective.

    Raises
    ------
    InputError
        For a potential that jumps.
    """

    def __init__(self, potential: Transformable, comm: MPI.Intracomm) -> None:
        self.transform = LogSamples.of(potential, comm)
        self.nodes = self.transform.y.size
        G, unit = self.transform.weighted(), 2.0 * SPACING / potential.range**3
        count = round(LARGEST / SPACING) + 1
        psi = unit * _autocorrelation(G, count)
        self.scale = float(psi[0])
        if self.scale == 0.0:
            self.error, self.coefficients = 0.0, np.zeros((count - 1, 4))
            return
        coarse = 2.0 * unit * _autocorrelation(G[::2], count // 2)
        S = self._smooth(psi)
        self.coefficients = self._cubics(S)
        rule = np.abs(coarse - psi[: 2 * (count // 2) : 2]).max() / self.scale
        # doubling the spacing squares the rule's error or better; a cubic's is a sixteenth of that of twice the spacing
        table = np.abs(CubicSpline(2.0 * SPACING * np.arange(S[::2].size), S[::2])(SPACING * np.arange(S.size)) - S)
        inside = table[: round(3.0 / SPACING)].max() / 16.0
        self.error = float(min(rule, max(rule**2, 1e-12)) + inside + self._tail_error(G))

    def _tail_error(self, G: Array) -> float:
        """Share of what lies beyond the samples times the error of its exponent (1e-4, measured), or of the cut."""
        n = self.nodes
        total = float((G**2).sum())
        if np.isfinite(self.transform.exponent):
            return 1e-4 * float((G[n:] ** 2).sum()) / total
        return float((G[n - round(0.5 / SPACING) : n] ** 2).sum()) / total

    @staticmethod
    def _smooth(psi: Array) -> Array:
        """S at multiples of `SPACING`; at x = 0 by extrapolation of an even function, sixth order."""
        x = SPACING * np.arange(1, psi.size)
        S = (1.0 - psi[1:] / psi[0]) / x**2
        return np.concatenate([[(15.0 * S[0] - 6.0 * S[1] + S[2]) / 10.0], S])

    @staticmethod
    def _cubics(S: Array) -> Array:
        spline = CubicSpline(np.arange(S.size), S, bc_type=((1, 0.0), "not-a-knot"))
        return np.ascontiguousarray(spline.c[::-1].T)

    def __call__(self, p: Array, q: Array) -> Array:
        """Q(p, q), same shape as p and q, none of them zero."""
        x = np.abs(np.log(np.abs(p / q)))
        flat = x.ravel()
        rest = np.array([deficit(self.coefficients, value) for value in flat]).reshape(x.shape)
        return np.asarray(np.abs(p * q) ** -1.5 * self.scale * (1.0 - rest))


def _autocorrelation(G: Array, count: int) -> Array:
    """sum_n G_n G_(n + m) for m < count, (count,)."""
    return np.array([float(G[: G.size - m] @ G[m:]) for m in range(count)])


@numba.njit(cache=True, inline="always")
def deficit(coefficients: Array, x: float) -> float:
    """1 - Psi(x)/Psi(0) = x^2 S(x) for x >= 0; 1 beyond the table, where Psi is below e^-16."""
    cell = x / SPACING
    m = int(cell)
    if m >= coefficients.shape[0]:
        return 1.0
    f = cell - m
    c = coefficients[m]
    return x * x * (c[0] + f * (c[1] + f * (c[2] + f * c[3])))
