"""Compiled loops of the flow on (x, theta), theta fastest. Rows beyond the ends of a slab are its ghosts."""

import numba
import numpy as np

from gbbgky_petsc.arrays import Array


@numba.njit(cache=True, fastmath=True)
def rod_velocity(rho: Array, theta: Array, weight: float, length: float, out: Array) -> None:
    """out = v = (theta - a J)/(1 - a q) of hard rods, at every place."""
    rows, n = rho.shape
    for i in range(rows):
        q = 0.0
        J = 0.0
        for j in range(n):
            q += rho[i, j]
            J += theta[j] * rho[i, j]
        inverse = 1.0 / (1.0 - length * weight * q)
        shift = length * weight * J
        for j in range(n):
            out[i, j] = (theta[j] - shift) * inverse


@numba.njit(cache=True, fastmath=True)
def stream(
    rho: Array, v: Array, central: tuple[float, ...], upwind: tuple[float, ...], inverse: float, out: Array
) -> None:
    """out = - d_x(v rho): central differences and upwind dissipation, as differences of fluxes through cell faces.

    Parameters
    ----------
    rho, v : (n + 2w, N)
    central : (w,) weights of the central first difference
    upwind : (2w,) weights of the (2w-1)th difference about a face, with the strength of the dissipation
    inverse
        1/spacing.
    out : (n, N), overwritten
    """
    n, size = out.shape
    w = len(central)
    flux = v * rho
    low, high = np.empty(size), np.empty(size)
    for face in range(n + 1):  # the face below row face + w
        row = face + w
        for j in range(size):
            difference = 0.0
            for k in range(len(upwind)):
                difference += upwind[k] * rho[face + k, j]
            high[j] = 0.5 * (abs(v[row - 1, j]) + abs(v[row, j])) * difference
        if face > 0:
            row = face - 1 + w
            for j in range(size):
                slope = 0.0
                for m in range(w):
                    slope += central[m] * (flux[row + m + 1, j] - flux[row - m - 1, j])
                out[face - 1, j] = inverse * (high[j] - low[j] - slope)
        low, high = high, low


@numba.njit(cache=True, fastmath=True)
def push(rho: Array, force: Array, up: tuple[float, ...], down: tuple[float, ...], inverse: float, out: Array) -> None:
    """out -= d_theta(F rho), F independent of theta; rho is zero outside the window.

    Parameters
    ----------
    rho, out : (n, N)
    force : (n,)
    up, down : (2w + 1,) weights of the first difference, biased for F > 0 and F < 0
    inverse
        1/spacing of theta.
    """
    n, size = rho.shape
    w = len(up) // 2
    padded = np.zeros(size + 2 * w)
    for i in range(n):
        padded[w : w + size] = rho[i]
        factor = force[i] * inverse
        if force[i] >= 0.0:
            for j in range(size):
                slope = 0.0
                for k in range(len(up)):
                    slope += up[k] * padded[j + k]
                out[i, j] -= factor * slope
        else:
            for j in range(size):
                slope = 0.0
                for k in range(len(down)):
                    slope += down[k] * padded[j + k]
                out[i, j] -= factor * slope


@numba.njit(cache=True, fastmath=True)
def gradient(values: Array, central: tuple[float, ...], inverse: float, out: Array) -> None:
    """out (n, N) = d_x of values (n + 2w, N)."""
    n, size = out.shape
    w = len(central)
    for i in range(n):
        for j in range(size):
            slope = 0.0
            for m in range(w):
                slope += central[m] * (values[i + w + m + 1, j] - values[i + w - m - 1, j])
            out[i, j] = inverse * slope


@numba.njit(cache=True, fastmath=True)
def _crossings(theta: Array, weight: float, values: Array, out: Array) -> None:
    """out = int |theta - alpha| values(alpha), by two running sums."""
    number = 0.0
    moment = 0.0
    for j in range(theta.size):
        out[j] = theta[j] * number - moment
        number += values[j]
        moment += theta[j] * values[j]
    number = 0.0
    moment = 0.0
    for j in range(theta.size - 1, -1, -1):
        out[j] = weight * (out[j] + moment - theta[j] * number)
        number += values[j]
        moment += theta[j] * values[j]


@numba.njit(cache=True, fastmath=True)
def rod_diffusion(rho: Array, slope: Array, theta: Array, weight: float, length: float, out: Array) -> float:
    """out = D slope of hard rods at every place, (rows, N); the largest diagonal entry of D."""
    rows, n = rho.shape
    ours, theirs = np.empty(n), np.empty(n)
    largest = 0.0
    for i in range(rows):
        factor = 0.5 * length**2 / (1.0 - length * weight * rho[i].sum())
        _crossings(theta, weight, rho[i], ours)
        _crossings(theta, weight, slope[i], theirs)
        for j in range(n):
            largest = max(largest, factor * ours[j])
            out[i, j] = factor * (slope[i, j] * ours[j] - rho[i, j] * theirs[j])
    return largest
