"""Compiled sums over triples of quasiparticles: the N^3 part of a coherent collision integral."""

import numba
import numpy as np

from gbbgky_petsc.arrays import Array, ComplexArray
from gbbgky_petsc.collisions.pair_table import PairTable, deficit

#: floating-point operations per triple of `kernels` and of `flux`, as counted in the source
KERNEL_FLOPS, FLUX_FLOPS = 73, 26
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
    """What `kernels` takes of the model, (N, N) each: B_jk sgn(v_jk) |v_jk|^(3/2) and ln |v_jk|, v_jk = v_j - v_k.

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
def count(n: int, first: int, stride: int) -> int:
    """Number of triples of different nodes whose lowest one is first, first + stride, ..."""
    total = 0
    for i in range(first, n, stride):
        total += (n - i - 1) * (n - i - 2) // 2
    return total


@numba.njit(cache=True)
def kernels(
    first: int, stride: int, v: Array, unit: Array, leg: Array, logarithm: Array, table: Array, more: Array,
    coherent: bool,
) -> Array:  # fmt: skip
    """K/Psi(0) of this rank's triples i < j < k, in their order.

    Parameters
    ----------
    first, stride
        Lowest nodes of this rank's triples: first, first + stride, ...
    v, unit : (N,)
        Effective velocity, 1^dr.
    leg, logarithm : (N, N)
        Those of `legs`.
    table
        `PairTable.coefficients`.
    more : (N, N)
        What is added to K/Psi(0), by differences of neighbouring nodes.
    coherent
        Whether amplitudes interfere.
    """
    n, at = v.size, 0
    K = np.empty(count(n, first, stride))
    for i in range(first, n, stride):
        for j in range(i + 1, n):
            for k in range(j + 1, n):
                K[at] = _kernel(i, j, k, v, unit, leg, logarithm, table, more, coherent)
                at += 1
    return K


@numba.njit(cache=True)
def add_screening(
    first: int, stride: int, v: Array, unit: Array, backflow: Array, potential: Array, weight: Array,
    response: ComplexArray, single: ComplexArray, double: ComplexArray, mixed: ComplexArray, second: float, K: Array,
) -> None:  # fmt: skip
    """K += int dlambda lambda^2 (|W screened|^2 - W^2), whose integrand falls as V^3.

    Parameters
    ----------
    first, stride, v, unit
        As for `kernels`.
    backflow : (N, N)
        2 pi T^dr.
    potential, weight
        Those of `screening.MomentumMesh`.
    response, single, double, mixed
        Those of `screening.Clouds`; with nodes i < j < k and lambda > 0 the signs of q are -, +, -.
    second
        Factor of the amplitude of second order, which is not screened: 0 or (1 - a rho)^2.
    K
        Values of `kernels` with their scale; changed.
    """
    n, at = v.size, 0
    for i in range(first, n, stride):
        for j in range(i + 1, n):
            for k in range(j + 1, n):
                d_i, d_j, d_k = v[j] - v[k], v[k] - v[i], v[i] - v[j]
                pole = 1.0 / (d_i * d_j * d_k)
                a, b, c = d_i**3 * unit[i] * pole, d_j**3 * unit[j] * pole, d_k**3 * unit[k] * pole
                total = 0.0
                for m in range(weight.size):
                    V_i, V_j, V_k = potential[j, k, m], potential[i, k, m], potential[i, j, m]
                    if V_i == 0.0 and V_j == 0.0 and V_k == 0.0:
                        break
                    more = -second * pole * (d_k * V_i * V_j + d_i * V_j * V_k + d_j * V_k * V_i)
                    bare = a * V_i * backflow[j, k] + b * V_j * backflow[i, k] + c * V_k * backflow[i, j] + more
                    s_i = V_i / (1.0 - V_i * response[i].conjugate())
                    s_j = V_j / (1.0 - V_j * response[j])
                    s_k = V_k / (1.0 - V_k * response[k].conjugate())
                    B_jk = (
                        backflow[j, k] + s_j * single[j, k] + s_k * single[k, j].conjugate() + s_j * s_k * mixed[j, k]
                    )
                    B_ij = (
                        backflow[i, j] + s_i * single[i, j].conjugate() + s_j * single[j, i] + s_j * s_i * mixed[j, i]
                    )
                    B_ik = backflow[i, k] + s_i * single[i, k].conjugate() + s_k * single[k, i].conjugate()
                    B_ik += s_i * s_k * double[i, k].conjugate()
                    W = a * s_i * B_jk + b * s_j * B_ik + c * s_k * B_ij + more
                    total += weight[m] * (W.real * W.real + W.imag * W.imag - bare * bare)
                K[at] += total
                at += 1


@numba.njit(cache=True)
def flux(first: int, stride: int, K: Array, v: Array, states: Array, occupation: Array, drive: Array) -> Array:
    """sum over unordered pairs {2, 3} of rho_s rho_s rho_s K d_1 B, (N,), from this rank's triples.

    B = sum_j d_j t_j prod_(i != j) g_i vanishes where two of the three are the same, so that only triples of
    different nodes are left; their K is finite there (`gbbgky_petsc.collisions.coherent`).

    Parameters
    ----------
    first, stride, K
        As for `kernels`, and its result.
    v, states, occupation, drive : (N,)
        Effective velocity, rho_s, g = n f, t.
    """
    n, at = v.size, 0
    out = np.zeros(n)
    for i in range(first, n, stride):
        for j in range(i + 1, n):
            d_k = v[i] - v[j]
            for k in range(j + 1, n):
                d_i, d_j = v[j] - v[k], v[k] - v[i]
                B = d_i * drive[i] * occupation[j] * occupation[k]
                B += d_j * drive[j] * occupation[k] * occupation[i]
                B += d_k * drive[k] * occupation[i] * occupation[j]
                F = states[i] * states[j] * states[k] * K[at] * B
                at += 1
                out[i] += d_i * F
                out[j] += d_j * F
                out[k] += d_k * F
    return out


@numba.njit(cache=True)
def responses(
    first: int, stride: int, K: Array, v: Array, states: Array, occupation: Array, drive: Array
) -> tuple[Array, Array]:
    """Derivatives of `flux` by t and by g at frozen K, d and rho_s, (N, N) each; arguments as there."""
    n, at = v.size, 0
    by_drive, by_occupation = np.zeros((n, n)), np.zeros((n, n))
    for i in range(first, n, stride):
        for j in range(i + 1, n):
            d_k = v[i] - v[j]
            for k in range(j + 1, n):
                d_i, d_j = v[j] - v[k], v[k] - v[i]
                w = states[i] * states[j] * states[k] * K[at]
                at += 1
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
def production(first: int, stride: int, K: Array, v: Array, states: Array, occupation: Array, drive: Array) -> float:
    """sum over this rank's triples of rho_s rho_s rho_s K B^2/(g g g); arguments as for `flux`.

    Tails with g below `FAINT` of its maximum, whose slope is rounding, are left out.
    """
    n, at = v.size, 0
    total, least = 0.0, FAINT * occupation.max()
    for i in range(first, n, stride):
        for j in range(i + 1, n):
            for k in range(j + 1, n):
                at += 1
                if min(occupation[i], occupation[j], occupation[k]) <= least:
                    continue
                g = occupation[i] * occupation[j] * occupation[k]
                B = (v[j] - v[k]) * drive[i] / occupation[i] + (v[k] - v[i]) * drive[j] / occupation[j]
                B += (v[i] - v[j]) * drive[k] / occupation[k]
                total += states[i] * states[j] * states[k] * K[at - 1] * g * B * B
    return total
