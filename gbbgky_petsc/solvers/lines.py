"""Preconditioner: one banded system in z for each pair of normal modes, solved on the fly.

The matrix P of `gbbgky_petsc.solvers.normal_modes` couples no two pairs (i, j). Here it is not stored: a compiled loop
over blocks of lines builds, eliminates (LU without pivoting; the symmetric part of P is positive) and solves band by
band in cache. Nothing is kept from one application to the next, so that a new shift or rho costs nothing. Lines
that close on themselves are cut at the ends: exact for ``zero``, nearly so where an absorbing layer parts the ends.
"""

import numba
import numpy as np
from petsc4py import PETSc

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.equations.linearisation import Linearisation
from gbbgky_petsc.solvers.frozen import FrozenPC
from gbbgky_petsc.solvers.normal_modes import InModes
from gbbgky_petsc.terms import Point

#: lines eliminated at a time: their band stays in the second-level cache
LINES = 32


class Lines(InModes):
    """P^-1 by banded elimination, between the transforms of `InModes`."""

    def decompose(self, point: Point) -> None:
        super().decompose(point)
        self.shift = 0.0

    def set_shift(self, shift: float) -> None:
        self.shift = shift

    def invert(self, lines: Array) -> Array:
        stencil, (first, second, decay) = self._mesh.stencil, self.coefficients
        _solve(np.asarray(stencil.first), np.asarray(stencil.second), first, second, decay, self.shift, lines)
        return lines

    def describe(self) -> str:
        return "banded lines in normal modes: nothing stored"


class LinesPC(FrozenPC):
    """PETSc preconditioner of type python: `Lines` at a frozen rho.

    Options (with the prefix of the solver)
    -------
    -pc_lines_refresh : as in `FrozenPC`
    """

    name = "lines"

    def build(self, pc: PETSc.PC, at: Linearisation) -> Lines:
        return Lines(at.setting, at.fields, at.terms)


@numba.njit(cache=True, fastmath=True)
def _solve(one: Array, two: Array, first: Array, second: Array, decay: Array, shift: float, lines: Array) -> None:
    """Solve shift + decay - first d/dz - second d^2/dz^2 in place.

    Parameters
    ----------
    one, two : (2w + 1,) stencils
    first, second : (lines,)
    decay : (Nz, lines) or (Nz, 1)
    lines : (Nz, lines) right-hand sides, then solutions
    """
    points, total = lines.shape
    w = len(one) // 2
    upper = np.empty((points, w + 1, LINES))  # the pivot's inverse first
    row = np.empty((2 * w + 1, LINES))
    x = np.empty((points, LINES))
    factor = np.empty(LINES)
    for start in range(0, total, LINES):
        size = min(LINES, total - start)
        for z in range(points):
            for m in range(2 * w + 1):
                for c in range(size):
                    row[m, c] = -first[start + c] * one[m] - second[start + c] * two[m]
            if decay.shape[1] == 1:
                for c in range(size):
                    row[w, c] += shift + decay[z, 0]
            else:
                for c in range(size):
                    row[w, c] += shift + decay[z, start + c]
            for c in range(size):
                x[z, c] = lines[z, start + c]
            for m in range(max(0, w - z), w):
                k = z + m - w
                for c in range(size):
                    factor[c] = row[m, c] * upper[k, 0, c]
                    x[z, c] -= factor[c] * x[k, c]
                for q in range(1, w + 1):
                    for c in range(size):
                        row[m + q, c] -= factor[c] * upper[k, q, c]
            for c in range(size):
                upper[z, 0, c] = 1.0 / row[w, c]
            for q in range(1, w + 1):
                for c in range(size):
                    upper[z, q, c] = row[w + q, c]
        for z in range(points - 1, -1, -1):
            for q in range(1, min(w, points - 1 - z) + 1):
                for c in range(size):
                    x[z, c] -= upper[z, q, c] * x[z + q, c]
            for c in range(size):
                x[z, c] *= upper[z, 0, c]
                lines[z, start + c] = x[z, c]
