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
            self._size = n
            kernel = h * potential.periodic(h * np.arange(n), n * h)
        else:
            reach = n + ghosts
            self._size = next_fast_len(n + 2 * reach, real=True)
            kernel = np.zeros(self._size)
            lag = np.arange(-reach, reach + 1)
            kernel[: lag.size] = h * potential(h * lag)
            self._first = n  # of the result in the convolution
            self._left = self._beyond(potential) if space.boundary is Edge.OPEN else np.zeros(n + 2 * ghosts)
        self._kernel = np.fft.rfft(kernel)

    def _beyond(self, potential: Potential) -> Array:
        """What a density of 1 over the length of the box below its lower end adds, (Nx + 2 ghosts,)."""
        n, g, h = self._space.points, self._ghosts, self._space.spacing
        sums = np.cumsum(h * potential(h * np.arange(1 - g, 2 * n + g)))  # V at the lags from 1 - ghosts on
        sums = np.append(0.0, sums)
        return np.asarray(sums[n:] - sums[:-n])

    def __call__(self, q: Array) -> Array:
        """V * q, (Nx + 2 ghosts,), of q, (Nx,)."""
        g = self._ghosts
        whole = np.fft.irfft(np.fft.rfft(q, self._size) * self._kernel, self._size)
        if self._space.boundary is Edge.PERIODIC:
            return np.pad(whole, g, mode="wrap")
        inner = whole[self._first : self._first + q.size + 2 * g]
        return np.asarray(inner + q[0] * self._left + q[-1] * self._left[::-1])
