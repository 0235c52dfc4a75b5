"""Preconditioner of triples: their streaming is diagonal in normal modes and wavenumbers."""

import numpy as np
import scipy.fft

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.discrete.kronecker import blocks
from gbbgky_petsc.discrete.symmetric import SymmetricPairs
from gbbgky_petsc.equations.linearisation import Linearisation
from gbbgky_petsc.fields import Wavenumbers
from gbbgky_petsc.solvers.frozen import BLOCK_INVERSES, BlockInverse
from gbbgky_petsc.terms import Point
from gbbgky_petsc.terms.cells import TRIPLE
from gbbgky_petsc.terms.triple_ends import pair_velocity


class TripleInverse(BlockInverse):
    """1/(shift + i s1 [(v_1 + v_2)/2 - v_3]) on (R^t x R^t x R^t) g3, s1 the symbol of d/dz.

    Exact for g3 alone on a mesh that wraps. What g feeds into g3, the force of g3 on g and c2, and the ends of the
    z-domain are left to the Krylov method.
    """

    def __init__(self, at: Linearisation) -> None:
        super().__init__(at)
        self._mesh = mesh = at.setting.mesh
        self._pairs = SymmetricPairs(mesh.theta_points)
        self._wavenumbers = Wavenumbers(at.fields, TRIPLE)
        phase = 2.0 * np.pi * np.arange(self._wavenumbers.count) / mesh.z_points
        self._symbol = mesh.stencil.first_symbol(phase)

    def decompose(self, point: Point) -> None:
        b = point.background
        self._to_modes, self._from_modes = b.rotation, b.rotation_inverse
        rows = self._wavenumbers.row_range
        self._speed = pair_velocity(b.velocity, self._pairs)[rows, None] - b.velocity

    def set_shift(self, shift: float) -> None:
        self._shift = shift

    def solve(self, source: Array) -> Array:
        pencils = self._wavenumbers.to_pencils(self._rotate(self._to_modes, source))
        spectrum = scipy.fft.rfft(pencils, axis=0)
        for modes, symbol in zip(spectrum, self._symbol, strict=True):
            modes /= self._shift + 1j * symbol * self._speed
        pencils = scipy.fft.irfft(spectrum, n=self._mesh.z_points, axis=0)
        return self._rotate(self._from_modes, self._wavenumbers.to_slabs(pencils))

    def _rotate(self, operator: Array, planes: Array) -> Array:
        rotated = np.empty(planes.shape)
        for b in blocks(len(planes)):
            rotated[b] = self._pairs.rotate(operator, planes[b])
        return rotated


BLOCK_INVERSES[TRIPLE] = TripleInverse
