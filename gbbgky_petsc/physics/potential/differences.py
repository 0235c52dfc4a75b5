"""Differences of the pair energy in steps of a rod, averaged over the rods between two others."""

from collections.abc import Callable, Sequence

import numpy as np
from scipy.stats import poisson

from gbbgky_petsc.arrays import Array


def mean_differences(
    potential: Callable[[Array], Array], length: float, y: Array, mean: Array, orders: Sequence[int]
) -> Array:
    """<D^m V(y + a(1 + n))> with D V(x) = V(x + a) - V(x) and n Poissonian, (orders, points).

    Parameters
    ----------
    potential
        V at distances of any shape.
    length
        a > 0.
    y, mean : (points,)
        Distances without the rods in between, >= 0, and the mean of n there.
    orders
        Each m, at least 1.
    """
    top, spread = max(orders), 10.0 * np.sqrt(mean.max()) + 10.0
    n = np.arange(max(0, int(mean.min() - spread)), int(mean.max() + spread) + 1 + top)
    V = potential(y[:, None] + length * (1.0 + n))
    share = poisson.pmf(n[:-top], mean[:, None])
    return np.stack([(share * np.diff(V, m)[:, : n.size - top]).sum(axis=1) for m in orders])
