"""Preconditioner: one banded system in z for each pair of normal modes, solved on the fly.

The matrix P of `gbbgky_petsc.solvers.normal_modes` couples no two pairs (i, j). Here it is not stored: a compiled loop
over blocks of lines builds, eliminates (LU without pivoting; the symmetric part of P is positive) and solves band by
band in cache. Nothing is kept from one application to the next, so that a new shift or rho costs nothing. Lines
that close on themselves are cut at the ends: exact for ``zero``, nearly so where an absorbing layer parts the ends.
"""

from collections.abc import Sequence

import numba
import numpy as np
from numpy.typing import DTypeLike, NDArray
from petsc4py import PETSc

from gbbgky_petsc.equations.linearisation import Linearisation
from gbbgky_petsc.solvers.frozen import FrozenPC
from gbbgky_petsc.solvers.normal_modes import InModes
from gbbgky_petsc.terms import Point

#: lines eliminated at a time: their band stays in the second-level cache
LINES = 64
#: neighbours either side of the widest stencil
WIDTH = 3
#: -ksp_rtol above which single precision cannot be told from double
ROUGH = 1e-4


class Lines(InModes):
    """P^-1 by banded elimination, between the transforms of `InModes`."""

    def decompose(self, point: Point) -> None:
        super().decompose(point)
        self.shift = 0.0

    def set_shift(self, shift: float) -> None:
        self.shift = shift

    def invert(self, lines: NDArray) -> NDArray:
        stencil, dtype = self._mesh.stencil, lines.dtype
        one, two = _seven(stencil.first, dtype), _seven(stencil.second, dtype)
        first, second, decay = (np.asarray(table, dtype) for table in self.coefficients)
        _solve(one, two, first, second, decay, dtype.type(self.shift), dtype.type(1.0), lines)
        return lines

    def describe(self) -> str:
        return f"banded lines in normal modes: nothing stored, {np.dtype(self.precision).name}"


class LinesPC(FrozenPC):
    """PETSc preconditioner of type python: `Lines` at a frozen rho.

    Options (with the prefix of the solver)
    -------
    -pc_lines_refresh : as in `FrozenPC`
    -pc_lines_single : whether lines are in single precision (default: where -ksp_rtol is above 1e-4)
    """

    name = "lines"

    def build(self, pc: PETSc.PC, at: Linearisation) -> Lines:
        options = PETSc.Options(pc.getOptionsPrefix())
        inverse = Lines(at.setting, at.fields, at.terms)
        if options.getBool("pc_lines_single", options.getReal("ksp_rtol", 1e-5) > ROUGH):
            inverse.precision = np.float32
        return inverse


def _seven(stencil: Sequence[float], dtype: DTypeLike) -> NDArray:
    """Weights of offsets -3..3, zero beyond the stencil's own."""
    missing = WIDTH - len(stencil) // 2
    return np.pad(np.asarray(stencil, dtype), missing)


@numba.njit(cache=True, fastmath=True)
def _solve(
    one: NDArray, two: NDArray, first: NDArray, second: NDArray, decay: NDArray, shift: float, unit: float,
    lines: NDArray,
) -> None:  # fmt: skip
    """Solve shift + decay - first d/dz - second d^2/dz^2 in place, all in the precision of the lines.

    Parameters
    ----------
    one, two : (7,) stencils
    first, second : (lines,)
    decay : (Nz, lines) or (Nz, 1)
    unit
        1 in that precision.
    lines : (Nz, lines) right-hand sides, then solutions
    """
    points, total = lines.shape
    upper = np.zeros((points + 3, 4, LINES), lines.dtype)  # of each row the pivot's inverse, and what is right of it
    x = np.zeros((points + 6, LINES), lines.dtype)
    damping = np.empty(LINES, lines.dtype)
    for start in range(0, total, LINES):
        size = min(LINES, total - start)
        first_here, second_here = first[start : start + size], second[start : start + size]
        x[3 : points + 3, :size] = lines[:, start : start + size]
        for z in range(points):
            a, b, d, own = upper[z], upper[z + 1], upper[z + 2], upper[z + 3]
            x0, x1, x2, x3 = x[z], x[z + 1], x[z + 2], x[z + 3]
            if decay.shape[1] == 1:
                damping[:] = decay[z, 0]
            else:
                damping[:size] = decay[z, start : start + size]
            for c in range(size):
                p, q, y = first_here[c], second_here[c], x3[c]
                left, middle, right = -p * one[0] - q * two[0], -p * one[1] - q * two[1], -p * one[2] - q * two[2]
                pivot = shift + damping[c] - q * two[3]
                u1, u2 = -p * one[4] - q * two[4], -p * one[5] - q * two[5]
                f = left * a[0, c]
                y -= f * x0[c]
                middle -= f * a[1, c]
                right -= f * a[2, c]
                pivot -= f * a[3, c]
                f = middle * b[0, c]
                y -= f * x1[c]
                right -= f * b[1, c]
                pivot -= f * b[2, c]
                u1 -= f * b[3, c]
                f = right * d[0, c]
                y -= f * x2[c]
                pivot -= f * d[1, c]
                u1 -= f * d[2, c]
                u2 -= f * d[3, c]
                own[0, c], own[1, c], own[2, c] = unit / pivot, u1, u2
                own[3, c] = -p * one[6] - q * two[6]
                x3[c] = y
        for z in range(points - 1, -1, -1):
            own, x0, x1, x2, x3 = upper[z + 3], x[z + 3], x[z + 4], x[z + 5], x[z + 6]
            for c in range(size):
                x0[c] = (x0[c] - own[1, c] * x1[c] - own[2, c] * x2[c] - own[3, c] * x3[c]) * own[0, c]
        lines[:, start : start + size] = x[3 : points + 3, :size]
