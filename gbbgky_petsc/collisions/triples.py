"""Compiled sums over triples of quasiparticles: the N^3 part of a coherent collision integral."""

import numba
import numpy as np

from gbbgky_petsc.collisions.pair_table import PairTable, deficit
from gbbgky_petsc.discrete.mesh import Array

#: floating-point operations of `flux` per triple, lookups included, as counted in the source
FLOPS = 95
#: share of the largest n f below which the slope of a spectral derivative is rounding
FAINT = 1e-12


@numba.njit(cache=True, inline="always")
def _kernel(
    i: int,
    j: int,
    k: int,
    v: Array,
    unit: Array,
    leg: Array,
    logarithm: Array,
    table: Array,
    more: Array,
    coherent: bool,
) -> float:
    """K/Psi(0) at different velocities: the square of the sum of amplitudes, or the sum of squares; and ``more``."""
    one, two, three = unit[i] * leg[j, k], unit[j] * leg[k, i], unit[k] * leg[i, j]
    poles = (v[j] - v[k]) * (v[k] - v[i]) * (v[i] - v[j])
    if coherent:
        a, b, c = logarithm[j, k], logarithm[k, i], logarithm[i, j]
        total = one + two + three
        square = total * total
        square -= 2.0 * one * two * deficit(table, abs(a - b))
        square -= 2.0 * two * three * deficit(table, abs(b - c))
        square -= 2.0 * three * one * deficit(table, abs(c - a))
    else:
        square = one * one + two * two + three * three
    return square / (poles * poles) + more[j - i, k - j]


def legs(v: Array, backflow: Array) -> tuple[Array, Array]:
    """What `flux` takes of the model, (N, N) each: backflow_jk sgn(v_jk) |v_jk|^(3/2) and ln |v_jk|, v_jk = v_j - v_k.

    Parameters
    ----------
    v : (N,)
        Effective velocity.
    backflow : (N, N)
        2 pi T^dr.
    """
    apart = v[:, None] - v[None, :]
    size = np.abs(apart) + np.eye(v.size)
    return backflow * np.sign(apart) * size**1.5, np.log(size)


def kernel(v: Array, unit: Array, backflow: Array, table: PairTable, coherent: bool = True) -> float:
    """K = int dlambda lambda^2 W(lambda d)^2 of three quasiparticles; v, unit (3,), backflow 2 pi T^dr (3, 3)."""
    leg, logarithm = legs(v, backflow)
    more = np.zeros((3, 3))
    return table.scale * _kernel(0, 1, 2, v, unit, leg, logarithm, table.coefficients, more, coherent)


@numba.njit(cache=True)
def flux(
    first: int, stride: int, v: Array, unit: Array, leg: Array, logarithm: Array, table: Array, more: Array,
    states: Array, occupation: Array, drive: Array, coherent: bool,
) -> Array:  # fmt: skip
    """sum over unordered pairs {2, 3} of rho_s rho_s rho_s K d_1 B/Psi(0), (N,); triples whose first is of this rank.

    B = sum_j d_j t_j prod_(i != j) g_i vanishes where two of the three are the same, so that only triples of
    different nodes are left; their K is finite there (`gbbgky_petsc.collisions.coherent`).

    Parameters
    ----------
    first, stride
        Lowest nodes of this rank's triples: first, first + stride, ...
    v, unit, states, occupation, drive : (N,)
        Effective velocity, 1^dr, rho_s, g = n f, t.
    leg, logarithm : (N, N)
        Those of `legs`.
    table
        `PairTable.coefficients`.
    more : (N, N)
        What is added to K/Psi(0), by differences of neighbouring nodes.
    coherent
        Whether amplitudes interfere.
    """
    n = v.size
    out = np.zeros(n)
    for i in range(first, n, stride):
        for j in range(i + 1, n):
            d_k = v[i] - v[j]
            for k in range(j + 1, n):
                d_i, d_j = v[j] - v[k], v[k] - v[i]
                K = _kernel(i, j, k, v, unit, leg, logarithm, table, more, coherent)
                B = d_i * drive[i] * occupation[j] * occupation[k]
                B += d_j * drive[j] * occupation[k] * occupation[i]
                B += d_k * drive[k] * occupation[i] * occupation[j]
                F = states[i] * states[j] * states[k] * K * B
                out[i] += d_i * F
                out[j] += d_j * F
                out[k] += d_k * F
    return out


@numba.njit(cache=True)
def responses(
    first: int, stride: int, v: Array, unit: Array, leg: Array, logarithm: Array, table: Array, more: Array,
    states: Array, occupation: Array, drive: Array, coherent: bool,
) -> tuple[Array, Array]:  # fmt: skip
    """Derivatives of `flux` by t and by g at frozen K, d and rho_s, (N, N) each; arguments as there."""
    n = v.size
    by_drive, by_occupation = np.zeros((n, n)), np.zeros((n, n))
    for i in range(first, n, stride):
        for j in range(i + 1, n):
            d_k = v[i] - v[j]
            for k in range(j + 1, n):
                d_i, d_j = v[j] - v[k], v[k] - v[i]
                w = states[i] * states[j] * states[k]
                w *= _kernel(i, j, k, v, unit, leg, logarithm, table, more, coherent)
                g_i, g_j, g_k = occupation[i], occupation[j], occupation[k]
                t_i, t_j, t_k = d_i * drive[i], d_j * drive[j], d_k * drive[k]
                a, b, c = w * d_i * g_j * g_k, w * d_j * g_k * g_i, w * d_k * g_i * g_j
                x, y, z = w * (t_j * g_k + t_k * g_j), w * (t_k * g_i + t_i * g_k), w * (t_i * g_j + t_j * g_i)
                for row, d in ((i, d_i), (j, d_j), (k, d_k)):
                    by_drive[row, i] += d * a
                    by_drive[row, j] += d * b
                    by_drive[row, k] += d * c
                    by_occupation[row, i] += d * x
                    by_occupation[row, j] += d * y
                    by_occupation[row, k] += d * z
    return by_drive, by_occupation


@numba.njit(cache=True)
def production(
    v: Array, unit: Array, leg: Array, logarithm: Array, table: Array, more: Array,
    states: Array, occupation: Array, drive: Array,
) -> float:  # fmt: skip
    """sum over unordered triples of rho_s rho_s rho_s K B^2/(g g g Psi(0)); arguments as for `flux`.

    Tails with g below `FAINT` of its maximum, whose slope is rounding, are left out.
    """
    n = v.size
    total, least = 0.0, FAINT * occupation.max()
    for i in range(n):
        for j in range(i + 1, n):
            for k in range(j + 1, n):
                g = occupation[i] * occupation[j] * occupation[k]
                if min(occupation[i], occupation[j], occupation[k]) <= least:
                    continue
                B = (v[j] - v[k]) * drive[i] / occupation[i] + (v[k] - v[i]) * drive[j] / occupation[j]
                B += (v[i] - v[j]) * drive[k] / occupation[k]
                K = _kernel(i, j, k, v, unit, leg, logarithm, table, more, True)
                total += states[i] * states[j] * states[k] * K * g * B * B
    return total
