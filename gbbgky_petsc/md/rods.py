"""A ring of hard rods in contracted coordinates, where quasiparticles move freely and cross.

Rod i (order along the ring) sits at x_i = y_i + a i. The contracted positions y are sorted and live on a ring of
circumference L - a N; they are not folded back, so that y_0 <= ... <= y_{N-1} <= y_0 + (L - a N) for ever.
A collision exchanges the velocities of neighbours: in y the two straight lines cross.
"""

import heapq
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from gbbgky_petsc.errors import InputError

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Ring:
    """Geometry of a ring of hard rods.

    Parameters
    ----------
    circumference
        L (length).
    particles
        Number N of rods, at least 2.
    rod
        Rod length a >= 0 (0: free particles).

    Raises
    ------
    InputError
        If there are fewer than two rods or they do not fit.
    """

    circumference: float
    particles: int
    rod: float

    def __post_init__(self) -> None:
        if self.particles < 2:
            raise InputError(f"md.particles = {self.particles}: allowed: at least 2")
        if not (np.isfinite(self.circumference) and self.circumference > 0.0):
            raise InputError(f"md.ring = {self.circumference:g}: allowed: finite and positive")
        if self.particles * self.rod >= self.circumference:
            packed = self.particles * self.rod
            raise InputError(f"md.ring = {self.circumference:g}: the rods fill {packed:g}; allowed: longer than that")

    @classmethod
    def from_density(
        cls, density: float, rod: float, particles: int | None = None, ring: float | None = None
    ) -> "Ring":
        """The ring of given density with either N or L chosen; N is rounded and L then follows from it.

        Raises
        ------
        InputError
            If not exactly one of ``particles`` and ``ring`` is given, or the rods do not fit.
        """
        if (particles is None) == (ring is None):
            raise InputError(f"md.particles = {particles}, md.ring = {ring}: allowed: exactly one of them")
        if ring is not None and not (np.isfinite(ring) and ring > 0.0):
            raise InputError(f"md.ring = {ring:g}: allowed: finite and positive")
        count = particles if particles is not None else round(density * float(ring or 0.0))
        return cls(count / density, count, rod)

    @property
    def contracted(self) -> float:
        """L - a N."""
        return self.circumference - self.particles * self.rod

    @property
    def density(self) -> float:
        """N / L."""
        return self.particles / self.circumference

    def positions(self, y: Array) -> Array:
        """Positions x_i of the rods from contracted ones, (..., N)."""
        return y + self.rod * np.arange(self.particles)


@njit()
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


@njit()
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


@njit()
def collides(y: Array, v: Array, duration: float, shift: float) -> bool:
    """Whether neighbours meet within ``duration``; ``shift`` is L - a N on a ring, negative for an open line."""
    n = y.size
    hits = 0
    for i in range(n - 1):
        hits += y[i + 1] - y[i] < (v[i] - v[i + 1]) * duration
    if shift >= 0.0:
        hits += y[0] + shift - y[n - 1] < (v[n - 1] - v[0]) * duration
    return hits > 0


@njit()
def exchange(closing: float, kick: float) -> float:
    """Velocity c that the carrier moving up one rod gains, and its partner loses, in one collision.

    c = ``kick`` unless the neighbours would then not separate: a nearly grazing collision changes the closing speed w
    to w/3 (or 3w) instead of w + 2 kick. Run backwards, the rule for -kick undoes the rule for +kick exactly.
    """
    if kick < 0.0:
        return kick if closing >= -3.0 * kick else -closing / 3.0
    return kick if closing >= kick else closing


@njit()
def move(y: Array, v: Array, duration: float, jump: Array, shift: float) -> None:
    """Motion along straight lines with collisions in order of time, in place; O(N + E log E) for E collisions.

    Parameters
    ----------
    y, v : (N,) contracted positions and velocities
    duration : h > 0
    jump : (N,) force on rod i minus force on rod i+1 when they touch
    shift : L - a N on a ring (rod N-1 meets rod 0); negative for an open line

    In a collision at time s the carrier that moves from rod i to rod i+1 gains (s - h/2) jump_i and the other loses
    it: this is what the kicks of h/2 before and after the motion got wrong (`stepper`). With jump = 0 the motion is
    the exact drift.
    """
    n = y.size
    pairs = n if shift >= 0.0 else n - 1
    queue = [(0.0, 0) for _ in range(0)]
    for i in range(pairs):
        j = i + 1 if i + 1 < n else 0
        gap = y[j] - y[i] + (shift if j == 0 else 0.0)
        if gap < (v[i] - v[j]) * duration:
            queue.append((max(gap / (v[i] - v[j]), 0.0), i))
    if len(queue) > 0:
        heapq.heapify(queue)
        due = np.full(n, np.inf)  # the valid entry of each pair; others in the queue are stale
        for when, i in queue:
            due[i] = when
        while len(queue) > 0:
            when, i = heapq.heappop(queue)
            if due[i] != when:
                continue
            due[i] = np.inf
            j = i + 1 if i + 1 < n else 0
            lift = shift if j == 0 else 0.0
            contact = y[i] + v[i] * when
            change = exchange(v[i] - v[j], (when - 0.5 * duration) * jump[i])
            v[i], v[j] = v[j] - change, v[i] + change
            y[i] = contact - v[i] * when
            y[j] = contact - lift - v[j] * when
            for step in range(-1, 2, 2):
                k = i + step
                if pairs == n:
                    k = (k + n) % n
                elif k < 0 or k >= pairs:
                    continue
                m = k + 1 if k + 1 < n else 0
                gap = y[m] - y[k] + (shift if m == 0 else 0.0)
                due[k] = np.inf
                if gap < (v[k] - v[m]) * duration:
                    due[k] = max(gap / (v[k] - v[m]), when)
                    heapq.heappush(queue, (due[k], k))
    for i in range(n):
        y[i] += v[i] * duration


@njit()
def touching_jump(y: Array, force: Array, rod: float, shift: float, jump: Array) -> None:
    """Force on rod i minus force on rod i+1, brought to contact: the difference is proportional to their distance.

    Fills ``jump`` (N,); on an open line (``shift`` < 0) its last entry is 0.
    """
    n = y.size
    for i in range(n - 1):
        jump[i] = (force[i] - force[i + 1]) * rod / (rod + max(y[i + 1] - y[i], 0.0)) if rod > 0.0 else 0.0
    jump[n - 1] = 0.0
    if shift >= 0.0 and rod > 0.0:
        jump[n - 1] = (force[n - 1] - force[0]) * rod / (rod + max(y[0] + shift - y[n - 1], 0.0))
