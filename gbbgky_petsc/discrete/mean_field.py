"""V * q on the x-mesh and a little beyond it, by FFT."""

import numpy as np
from scipy.fft import next_fast_len

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.discrete.space import Edge, SpaceMesh
from gbbgky_petsc.physics.potential import Potential


class MeanField:
    """int V(x - x') q(x') dx' at the nodes and ``ghosts`` more at either end.

    Midpoint rule, spectrally accurate for smooth q and V. Beyond an open end the density goes on as it is there over
    the length of the box, so that a uniform gas feels no force; there is none beyond a wall; a ring has its image sum.

    Parameters
    ----------
    potential, space
        Pair potential and x-mesh.
    ghosts
        Further nodes.
    """

    def __init__(self, potential: Potential, space: SpaceMesh, ghosts: int) -> None:
        self._space, self._ghosts = space, ghosts
        n, h = space.points, space.spacing
        if space.boundary is Edge.PERIODIC:
            self._size, self._first = n, 0
            kernel = h * potential.periodic(h * np.arange(n), n * h)
        else:
            # density on [-pad, n + pad), result on [-ghosts, n + ghosts)
            pad = self._pad = n if space.boundary is Edge.OPEN else 0
            self._reach = n + pad + ghosts
            self._size = next_fast_len(n + 2 * pad + 2 * self._reach, real=True)
            kernel = np.zeros(self._size)
            lag = np.arange(-self._reach, self._reach + 1)
            kernel[: lag.size] = h * potential(h * lag)
            self._first = self._reach + pad - ghosts
        self._kernel = np.fft.rfft(kernel)

    def __call__(self, q: Array) -> Array:
        """V * q, (Nx + 2 ghosts,), of q, (Nx,)."""
        g = self._ghosts
        if self._space.boundary is Edge.PERIODIC:
            return np.pad(np.fft.irfft(np.fft.rfft(q) * self._kernel, self._size), g, mode="wrap")
        padded = np.pad(q, self._pad, mode="edge") if self._pad else q
        full = np.fft.irfft(np.fft.rfft(padded, self._size) * self._kernel, self._size)
        return full[self._first : self._first + q.size + 2 * g]
