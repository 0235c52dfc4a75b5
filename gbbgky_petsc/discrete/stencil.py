"""Central differences on a uniform mesh: coefficients, Fourier symbols and compiled application."""

from dataclasses import dataclass

import numba
import numpy as np

from gbbgky_petsc.arrays import Array

_FIRST = {2: (1 / 2,), 4: (2 / 3, -1 / 12), 6: (3 / 4, -3 / 20, 1 / 60)}
_SECOND = {2: (-2.0, 1.0), 4: (-5 / 2, 4 / 3, -1 / 12), 6: (-49 / 18, 3 / 2, -3 / 20, 1 / 90)}


@dataclass(frozen=True)
class Stencil:
    """Antisymmetric first and symmetric second derivative of even order.

    Attributes
    ----------
    first : (2w+1,) weights of offsets -w..w for d/dz
    second : (2w+1,) weights for d^2/dz^2
    """

    first: tuple[float, ...]
    second: tuple[float, ...]

    @classmethod
    def central(cls, order: int, spacing: float) -> "Stencil":
        """The stencil of ``order`` 2, 4 or 6."""
        one = [c / spacing for c in _FIRST[order]]
        centre, *two = (c / spacing**2 for c in _SECOND[order])
        return cls(
            first=(*(-c for c in reversed(one)), 0.0, *one),
            second=(*reversed(two), centre, *two),
        )

    @property
    def width(self) -> int:
        """Number w of neighbours either side."""
        return len(self.first) // 2

    def first_symbol(self, phase: Array) -> Array:
        """s1 with d/dz exp(ikz) = i s1 exp(ikz), phase = k dz."""
        return np.asarray(sum(2.0 * self.first[self.width + m] * np.sin(m * phase) for m in range(1, self.width + 1)))

    def second_symbol(self, phase: Array) -> Array:
        """s2 >= 0 with d^2/dz^2 exp(ikz) = -s2 exp(ikz), phase = k dz."""
        w = self.width
        symbol = self.second[w] + sum(2.0 * self.second[w + m] * np.cos(m * phase) for m in range(1, w + 1))
        return -np.asarray(symbol)

    def apply_planes(self, weights: tuple[float, ...], haloed: Array, planes: slice, out: Array) -> None:
        """out[j] = sum_m weights[m] haloed[planes.start + j + m] for a block of planes.

        Parameters
        ----------
        weights : (2w+1,)
        haloed : (n + 2w, N, N)
        planes
            Which of the n planes.
        out : (planes, N, N), overwritten
        """
        size = out[0].size
        window = haloed[planes.start : planes.stop + 2 * self.width]
        _apply(np.asarray(weights), window.reshape(-1, size), out.reshape(-1, size))

    def differentiate(self, values: Array, wraps: bool) -> Array:
        """d/dz of values, (Nz, ...), on the whole mesh; zero outside it unless it ``wraps``."""
        w = self.width
        pad = [(w, w)] + [(0, 0)] * (values.ndim - 1)
        haloed = np.pad(values, pad, mode="wrap" if wraps else "constant")
        return np.asarray(sum(c * haloed[m : m + len(values)] for m, c in enumerate(self.first)))


@numba.njit(cache=True, fastmath=True)
def _apply(weights: Array, haloed: Array, out: Array) -> None:
    n, size = out.shape
    reach = weights.size
    for j in range(n):
        for p in range(size):
            out[j, p] = weights[0] * haloed[j, p]
        for m in range(1, reach):
            if weights[m] != 0.0:
                for p in range(size):
                    out[j, p] += weights[m] * haloed[j + m, p]
