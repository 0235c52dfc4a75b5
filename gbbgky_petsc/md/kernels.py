"""Compiled loops over rods: forces, exact motion, steps of whole rings.

All in one file: numba keeps compiled code on disk (beside the module or in the user's cache) and knows by this file's
date when to make it anew.
"""

import heapq

import numpy as np
from numba import njit

from gbbgky_petsc.arrays import Array

#: order of the B-splines of the mesh (degree 5: four continuous derivatives)
ORDER = 6
#: sums over modes may be reordered by the compiler, which lets it use vector registers
SUMS = {"reassoc", "contract", "nsz", "arcp"}


@njit(fastmath=SUMS, cache=True)
def phasors(x: Array, ring: float, re: Array, im: Array) -> None:
    """exp(2 pi i x/L) to rounding: Taylor series of the eighth of the angle, squared three times."""
    for i in range(x.size):
        turn = x[i] / ring
        q = (turn - np.floor(turn + 0.5)) * (2.0 * np.pi / 8.0)
        s = q * q
        c = 1.0 - s / 2 * (1.0 - s / 12 * (1.0 - s / 30 * (1.0 - s / 56 * (1.0 - s / 90 * (1.0 - s / 132)))))
        d = q * (1.0 - s / 6 * (1.0 - s / 20 * (1.0 - s / 42 * (1.0 - s / 72 * (1.0 - s / 110 * (1.0 - s / 156))))))
        for _ in range(3):
            c, d = c * c - d * d, 2.0 * c * d
        re[i] = c
        im[i] = d


@njit(fastmath=SUMS, cache=True)
def mode_sums(re: Array, im: Array, work_re: Array, work_im: Array, sums: Array) -> None:
    """sums[m-1] = sum_i z_i^m for m = 1..M, from z = re + i im; sums (M, 2) real and imaginary part.

    M must be a multiple of four: four powers per pass stay in registers.
    """
    n = re.size
    for i in range(n):
        work_re[i] = 1.0
        work_im[i] = 0.0
    for m in range(0, sums.shape[0], 4):
        s0 = s1 = s2 = s3 = t0 = t1 = t2 = t3 = 0.0
        for i in range(n):
            c, d = re[i], im[i]
            p, q = work_re[i], work_im[i]
            p, q = p * c - q * d, p * d + q * c
            s0 += p
            t0 += q
            p, q = p * c - q * d, p * d + q * c
            s1 += p
            t1 += q
            p, q = p * c - q * d, p * d + q * c
            s2 += p
            t2 += q
            p, q = p * c - q * d, p * d + q * c
            s3 += p
            t3 += q
            work_re[i] = p
            work_im[i] = q
        sums[m, 0], sums[m, 1] = s0, t0
        sums[m + 1, 0], sums[m + 1, 1] = s1, t1
        sums[m + 2, 0], sums[m + 2, 1] = s2, t2
        sums[m + 3, 0], sums[m + 3, 1] = s3, t3


@njit(fastmath=SUMS, cache=True)
def mode_forces(re: Array, im: Array, work_re: Array, work_im: Array, sums: Array, weight: Array, force: Array) -> None:
    """force_i = Im sum_m weight_m conj(sums_m) z_i^m, by Horner's rule, four modes per pass."""
    n = re.size
    for i in range(n):
        work_re[i] = 0.0
        work_im[i] = 0.0
    for m in range(weight.size - 4, -1, -4):
        a0, b0 = weight[m] * sums[m, 0], -weight[m] * sums[m, 1]
        a1, b1 = weight[m + 1] * sums[m + 1, 0], -weight[m + 1] * sums[m + 1, 1]
        a2, b2 = weight[m + 2] * sums[m + 2, 0], -weight[m + 2] * sums[m + 2, 1]
        a3, b3 = weight[m + 3] * sums[m + 3, 0], -weight[m + 3] * sums[m + 3, 1]
        for i in range(n):
            c, d = re[i], im[i]
            p, q = work_re[i] + a3, work_im[i] + b3
            p, q = p * c - q * d + a2, p * d + q * c + b2
            p, q = p * c - q * d + a1, p * d + q * c + b1
            p, q = p * c - q * d + a0, p * d + q * c + b0
            work_re[i] = p * c - q * d
            work_im[i] = p * d + q * c
    for i in range(n):
        force[i] = work_im[i]


@njit(cache=True)
def spline_weights(u: float, value: Array, slope: Array) -> None:
    """Values and slopes of the B-splines of order 6 that cover a point ``u`` in [0, 1) past its cell's left node."""
    value[:] = 0.0
    value[0] = 1.0
    for order in range(2, ORDER + 1):
        if order == ORDER:
            previous = 0.0
            for j in range(ORDER):
                current = value[j] if j < ORDER - 1 else 0.0
                slope[j] = previous - current
                previous = current
        for j in range(order - 1, -1, -1):
            left = value[j - 1] if j > 0 else 0.0
            here = value[j] if j < order - 1 else 0.0
            value[j] = ((u + order - 1 - j) * left + (1 - u + j) * here) / (order - 1)


@njit(cache=True)
def spread(x: Array, origin: float, spacing: float, mesh: Array) -> None:
    """Add the rods at x to the mesh (G,)."""
    value = np.empty(ORDER)
    slope = np.empty(ORDER)
    for i in range(x.size):
        u = (x[i] - origin) / spacing
        cell = int(np.floor(u))
        spline_weights(u - cell, value, slope)
        for j in range(ORDER):
            mesh[cell + j] += value[j]


@njit(cache=True)
def gather(x: Array, origin: float, spacing: float, mesh: Array, field: Array, force: Array) -> None:
    """Interpolated potential and minus its exact slope at x."""
    value = np.empty(ORDER)
    slope = np.empty(ORDER)
    for i in range(x.size):
        u = (x[i] - origin) / spacing
        cell = int(np.floor(u))
        spline_weights(u - cell, value, slope)
        f = 0.0
        g = 0.0
        for j in range(ORDER):
            f += value[j] * mesh[cell + j]
            g += slope[j] * mesh[cell + j]
        field[i] = f
        force[i] = -g / spacing


@njit(cache=True)
def collides(y: Array, v: Array, duration: float, shift: float) -> bool:
    """Whether neighbours meet within ``duration``; ``shift`` is L - a N on a ring, negative for an open line."""
    n = y.size
    hits = 0
    for i in range(n - 1):
        hits += y[i + 1] - y[i] < (v[i] - v[i + 1]) * duration
    if shift >= 0.0:
        hits += y[0] + shift - y[n - 1] < (v[n - 1] - v[0]) * duration
    return hits > 0


@njit(cache=True)
def exchange(closing: float, kick: float) -> float:
    """Velocity c that the carrier moving up one rod gains, and its partner loses, in one collision.

    c = ``kick`` unless the neighbours would then not separate: a nearly grazing collision changes the closing speed w
    to w/3 (or 3w) instead of w + 2 kick. Run backwards, the rule for -kick undoes the rule for +kick exactly.
    """
    if kick < 0.0:
        return kick if closing >= -3.0 * kick else -closing / 3.0
    return kick if closing >= kick else closing


@njit(cache=True)
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


@njit(cache=True)
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


@njit(cache=True)
def first_drift(
    y: Array,
    v: Array,
    force: Array,
    rod: float,
    shift: float,
    step: float,
    correct: bool,
    start_y: Array,
    start_v: Array,
    start_jump: Array,
) -> bool:
    """Drift of a step with the forces at its start, in place; True if it must be repeated with those at its end.

    Keeps in ``start_y``, ``start_v``, ``start_jump`` (N,) what `second_drift` needs; ``start_jump`` must come in as
    zeros where ``correct`` is False.
    """
    start_y[:] = y
    start_v[:] = v
    if not collides(y, v, step, shift):
        for i in range(y.size):
            y[i] += step * v[i]
        return False
    if correct:
        touching_jump(y, force, rod, shift, start_jump)
    move(y, v, step, start_jump, shift)
    return correct


@njit(cache=True)
def second_drift(
    y: Array,
    v: Array,
    force: Array,
    rod: float,
    shift: float,
    step: float,
    start_y: Array,
    start_v: Array,
    start_jump: Array,
    jump: Array,
) -> None:
    """The drift again from the start of the step, with the mean of the jumps at both its ends; ``jump`` is for work.

    ``y`` and ``force`` come in as they are at the end of the drift before.
    """
    touching_jump(y, force, rod, shift, jump)
    for i in range(y.size):
        jump[i] = 0.5 * (jump[i] + start_jump[i])
    y[:] = start_y
    v[:] = start_v
    move(y, v, step, jump, shift)


@njit(cache=True)
def evaluate(y: Array, rod: float, circumference: float, weight: Array, work: Array, sums: Array, force: Array) -> None:
    """Forces from contracted positions; ``work`` (5, N)."""
    for i in range(y.size):
        work[4, i] = y[i] + rod * i
    phasors(work[4], circumference, work[0], work[1])
    mode_sums(work[0], work[1], work[2], work[3], sums)
    mode_forces(work[0], work[1], work[2], work[3], sums, weight, force)


@njit(cache=True)
def add_field(x: Array, slopes: Array, low: float, spacing: float, scale: float, centre: float, force: Array) -> None:
    """Add -scale U'(x - centre) to the forces; U' is a cubic on each of M cells from ``low`` on, slopes (M, 4)."""
    for i in range(x.size):
        u = (x[i] - centre - low) / spacing
        cell = min(max(int(u), 0), slopes.shape[0] - 1)
        d = (u - cell) * spacing
        force[i] -= scale * (((slopes[cell, 0] * d + slopes[cell, 1]) * d + slopes[cell, 2]) * d + slopes[cell, 3])


@njit(cache=True)
def advance_ring(
    y: Array,
    v: Array,
    rod: float,
    circumference: float,
    weight: Array,
    step: float,
    steps: int,
    correct: bool,
    sweeps: int,
    slopes: Array,
    low: float,
    spacing: float,
    farthest: float,
    scale: Array,
    centre: Array,
) -> int:
    """`stepper.interpreted` for a whole ring with the force of its modes: ``steps`` steps in place.

    Parameters
    ----------
    slopes, low, spacing, scale, centre
        External field as in `add_field`, (0, 4) for none; its factor and centre at the ends of the steps, (steps + 1,).
    farthest
        |x| beyond which no rod may go in a field.

    Returns
    -------
    The number of the step in which a rod went there, where the rest was not done; -1 if none did.
    """
    n = y.size
    shift = circumference - rod * n
    work = np.empty((5, n))
    sums = np.empty((weight.size, 2))
    force, start_y, start_v = np.empty(n), np.empty(n), np.empty(n)
    jump, start_jump = np.zeros(n), np.zeros(n)
    field = slopes.shape[0] > 0
    evaluate(y, rod, circumference, weight, work, sums, force)
    if field:
        add_field(work[4], slopes, low, spacing, scale[0], centre[0], force)
    for done in range(1, steps + 1):
        for i in range(n):
            v[i] += 0.5 * step * force[i]
        again = first_drift(y, v, force, rod, shift, step, correct, start_y, start_v, start_jump)
        evaluate(y, rod, circumference, weight, work, sums, force)
        if field:
            if max(-work[4, 0], work[4, n - 1]) > farthest:
                return done
            add_field(work[4], slopes, low, spacing, scale[done], centre[done], force)
        for sweep in range(sweeps if again else 0):
            if sweep > 0:
                evaluate(y, rod, circumference, weight, work, sums, force)
                if field:
                    add_field(work[4], slopes, low, spacing, scale[done], centre[done], force)
            second_drift(y, v, force, rod, shift, step, start_y, start_v, start_jump, jump)
        for i in range(n):
            v[i] += 0.5 * step * force[i]
    return -1


@njit(cache=True)
def fill(gaps: Array, low: float, spacing: float, rate: Array, rod: float, first: float, turn: float, x: Array) -> bool:
    """Rods from left to right: rod i+1 where the integrated rate has grown by a unit exponential deviate past x_i + a.

    Parameters
    ----------
    gaps : (N + 1,) the deviates
    rate : (M + 1,) integrated rate at ``low``, ``low`` + ``spacing``, ...; linear in between
    first, turn
        On a ring, the place of rod 0, and the circumference; nan on an open line.
    x : (N,) filled with the places

    Returns
    -------
    Whether exactly N rods have their place: on a line with no room for one more, on a ring with rod 0 as the next.
    """
    n, cells = x.size, rate.size - 1
    ring = not np.isnan(first)
    done = 0
    reached = 0.0
    if ring:
        x[0] = first
        done = 1
    while True:
        if done > 0:
            u = min((x[done - 1] + rod - low) / spacing, float(cells))
            cell = min(int(u), cells - 1)
            reached = rate[cell] + (u - cell) * (rate[cell + 1] - rate[cell])
        if ring and done == n:
            # rod 0 is due at x_0 + turn: what its rate there has as a density, up to a constant factor
            u = (first + turn - low) / spacing
            cell = min(int(u), cells - 1)
            last = rate[cell] + (u - cell) * (rate[cell + 1] - rate[cell])
            return x[n - 1] + rod <= first + turn and gaps[n] > last - reached
        reached += gaps[done]
        if reached >= rate[cells]:
            return done == n
        if done == n:
            return False
        cell = np.searchsorted(rate, reached, side="right") - 1
        x[done] = low + spacing * (cell + (reached - rate[cell]) / (rate[cell + 1] - rate[cell]))
        if ring and x[done] > first + turn - rod:
            return False
        done += 1
