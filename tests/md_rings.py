"""What the tests of the molecular dynamics share: whole rings, and the exact drift of any length by sorting."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from gbbgky_petsc.md.domains import Domain
from gbbgky_petsc.md.initial import sample
from gbbgky_petsc.md.rods import Rods

Array = NDArray[np.float64]


def whole_rings(ring, force, velocity, count, seed=11):
    """Realisations 0 .. count - 1."""
    domain = Domain(ring)
    return [Rods(domain, force, *sample(domain, velocity, seed, r)) for r in range(count)]


def copies(rings):
    """The same rings, to be moved another way."""
    return [Rods(r.domain, r.force, r.y.copy(), r.v.copy(), r.field, r.time) for r in rings]


def of(rings, name):
    """An attribute (or the result of a method) of every ring, stacked."""
    values = [getattr(rods, name) for rods in rings]
    return np.array([value() if callable(value) else value for value in values])


@njit(cache=True)
def sort_lines(line: Array, order: NDArray[np.int64]) -> None:
    """Sort ``line`` in place, carrying ``order``: O(N) when nearly sorted, O(N log N) otherwise.

    Insertion is given up once it has moved more than 8 N entries.
    """
    moves = 0
    for i in range(1, line.size):
        value = line[i]
        label = order[i]
        j = i - 1
        while j >= 0 and line[j] > value:
            line[j + 1] = line[j]
            order[j + 1] = order[j]
            j -= 1
        line[j + 1] = value
        order[j + 1] = label
        moves += i - 1 - j
        if moves > 8 * line.size:
            rank = np.argsort(line, kind="mergesort")
            line[:] = line[rank]
            order[:] = order[rank]
            return


@njit(cache=True)
def drift(y: Array, v: Array, duration: float, contracted: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Exact motion without a force for any time, in place.

    Parameters
    ----------
    y, v : (N,) contracted positions and velocities of the rods
    duration : time, of either sign
    contracted : L - a N

    Returns
    -------
    carrier : (N,) int64, the rod whose velocity rod i now carries
    lap : (N,) int64, by how many rings y of that quasiparticle must be lifted to be rod i's
    """
    n = y.size
    line = np.empty(n)
    turns = np.empty(n, np.int64)
    order = np.arange(n)
    origin = y[0]
    total = 0
    for i in range(n):
        free = y[i] + v[i] * duration
        turns[i] = int(np.floor((free - origin) / contracted))
        line[i] = free - turns[i] * contracted
        total += turns[i]
    sort_lines(line, order)
    # collisions relabel the lines but keep their sum, which fixes which of them is rod 0
    lap = np.empty(n, np.int64)
    carrier = np.empty(n, np.int64)
    old = v.copy()
    for i in range(n):
        lift = (i + total) // n
        k = (i + total) - lift * n
        y[i] = line[k] + lift * contracted
        v[i] = old[order[k]]
        carrier[i] = order[k]
        lap[i] = lift - turns[order[k]]
    return carrier, lap
