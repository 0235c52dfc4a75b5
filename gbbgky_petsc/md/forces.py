"""Forces of the periodic pair potential (image sum over the ring), O(N) per evaluation at fixed range.

A `Force` works for the rods of one rank and asks the `Domain` for what it needs of the others. `FourierForce` keeps the
modes of the ring up to a tolerance: cost N M with M proportional to the ring's length, best for short rings.
`MeshForce` spreads the rods on a mesh by splines and convolves there: cost N for any length, and a part of the ring
needs only the rods within ``reach`` of it.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.interpolate import CubicSpline

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.errors import InputError, SolverError
from gbbgky_petsc.md.domains import Domain
from gbbgky_petsc.md.kernels import (
    ORDER,
    gather,
    mode_forces,
    mode_sums,
    phasors,
    spline_weights,
    spread,
)
from gbbgky_petsc.physics.potential import Potential
from gbbgky_petsc.physics.trap import Trap

#: the inverse spline filter is below rounding beyond this many cells
FILTER_CELLS = 96
#: largest error of a tabulated field, relative to the largest force, and cells that may be spent on it
FIELD_ERROR, MOST_CELLS = 1e-9, 2**18
#: a ring must be longer than this many ranges
SHORTEST_RING = 4.0


class Force(Protocol):
    """Pair force on the rods of one rank of a ring."""

    @property
    def reach(self) -> float:
        """How far from its rods a rank must know the others; 0 where sums over the ranks serve instead."""

    @property
    def description(self) -> str:
        """How the force is found, in a few words."""

    def forces(self, x: Array, domain: Domain) -> Array:
        """Forces on this rank's rods at x (n,), sorted. Collective."""

    def energy(self, x: Array, domain: Domain) -> float:
        """Pair energy of the ring without the uniform background V~(0) N (N - 1)/2L. Collective."""

    @property
    def modes(self) -> Array | None:
        """Weights (M,) of `FourierForce` where that is all there is to the force: compiled code knows it."""


@dataclass(frozen=True)
class FieldTable:
    """A field for compiled code: U' at rest as cubics, (M, 4), on cells of one ``spacing`` from ``low`` on."""

    slopes: Array
    low: float
    spacing: float

    @classmethod
    def none(cls) -> "FieldTable":
        """No field."""
        return cls(np.zeros((0, 4)), 0.0, 1.0)


@dataclass(frozen=True)
class TrapField:
    """External potential on every rod, on a ring so wide that the cloud never closes it.

    Attributes
    ----------
    trap : U(x, t)
    farthest : |x| beyond which rods are too near the ring's other end; inf where the ring is the physical space
    """

    trap: Trap
    farthest: float = np.inf

    def forces(self, x: Array, t: float) -> Array:
        """Forces on rods at x (n,), sorted, at time t.

        Raises
        ------
        SolverError
            If a rod has come too near the other end of the ring.
        """
        if max(-x[0], x[-1]) > self.farthest:
            raise self.outside(t)
        return -self.trap.derivative(x, t)

    def outside(self, t: float) -> SolverError:
        """What to raise when a rod has come too near the other end of the ring at time t."""
        return SolverError(f"md.ring: at t = {t:g} a rod is beyond x = {self.farthest:g}; a longer ring is needed")

    def energy(self, x: Array, t: float) -> float:
        """Potential energy of rods at x."""
        return float(self.trap(x, t).sum())

    @cached_property
    def table(self) -> FieldTable | None:
        """U' for compiled code, exact for polynomials up to x^4; None where cubics do not give it to `FIELD_ERROR`."""
        high = self.farthest + abs(self.trap.shake.amplitude)
        if not np.isfinite(high):
            return None
        slope, cells = self.trap.shape.slope, 64
        while cells <= MOST_CELLS:
            nodes = np.linspace(-high, high, cells + 1)
            spline = CubicSpline(nodes, slope(nodes))
            between = (nodes[:-1, None] + np.array([0.21, 0.5, 0.79]) * (nodes[1] - nodes[0])).ravel()
            exact = slope(between)
            if np.abs(spline(between) - exact).max() <= FIELD_ERROR * np.abs(exact).max():
                return FieldTable(np.ascontiguousarray(spline.c.T), -high, float(nodes[1] - nodes[0]))
            cells *= 4
        return None


def check_ring(potential: Potential, ring: float) -> None:
    """Raise `InputError` if the ring is too short for the potential."""
    if ring <= SHORTEST_RING * potential.range:
        least = SHORTEST_RING * potential.range
        raise InputError(f"md.ring = {ring:g}: shorter than the force's reach; allowed: above {least:g} (4 ranges)")


@dataclass(frozen=True)
class FourierForce:
    """Modes k_m = 2 pi m/L, m = 1..M (a multiple of four), of the periodic potential; the mode k = 0 exerts no force.

    U = (1/L) sum_m V~(k_m) (|T_m|^2 - N), T_m = sum_j exp(i k_m x_j);
    F_i = Im sum_m w_m conj(T_m) exp(i k_m x_i), w_m = 2 k_m V~(k_m)/L.

    Attributes
    ----------
    ring : circumference L
    spectrum : (M,) V~(k_m)
    weight : (M,) w_m
    """

    ring: float
    spectrum: Array
    weight: Array

    @classmethod
    def build(cls, potential: Potential, ring: float, tolerance: float, most: int = 4096) -> "FourierForce":
        """Keep the modes up to the last one with |k V~(k)| above ``tolerance`` times its maximum.

        Raises
        ------
        InputError
            If the ring is shorter than four ranges, or more than ``most`` modes are needed.
        """
        check_ring(potential, ring)
        unit = 2.0 * np.pi / ring
        spectrum = np.zeros(0)
        refusal = (
            f"md.force_tolerance = {tolerance:g}: needs more than {most} modes of a ring of {ring:g}; "
            "allowed: a larger tolerance, a smoother potential or a shorter ring"
        )
        if unit * potential.range < 1.0 / most:  # so long a ring takes more modes
            raise InputError(refusal)
        while True:
            first = spectrum.size
            more = potential.fourier(unit * np.arange(first + 1, first + 33))
            spectrum = np.concatenate([spectrum, more])
            slope = np.abs(spectrum) * np.arange(1, spectrum.size + 1)
            above = np.flatnonzero(slope > tolerance * slope.max())
            # V~ may pass through zero, so 32 further modes must lie below as well
            if above.size == 0 or above[-1] + 1 <= first:
                break
            if spectrum.size > most:
                raise InputError(refusal)
        needed = int(above[-1]) + 1 if above.size else 1
        spectrum = spectrum[: needed + -needed % 4]  # the compiled sums take modes in fours
        return cls(ring, spectrum, 2.0 / ring * spectrum * unit * np.arange(1, spectrum.size + 1))

    @classmethod
    def none(cls, ring: float) -> "FourierForce":
        """No force: no modes."""
        return cls(ring, np.zeros(0), np.zeros(0))

    @property
    def reach(self) -> float:
        return 0.0

    @property
    def description(self) -> str:
        return f"{self.weight.size} modes of the ring"

    def _sums(self, x: Array, domain: Domain) -> Array:
        """T_m, (M, 2)."""
        return domain.total(partial_sums(x, self.ring, self.spectrum.size))

    def forces(self, x: Array, domain: Domain) -> Array:
        re, im, work_re, work_im, force = (np.empty(x.size) for _ in range(5))
        sums = self._sums(x, domain)
        phasors(x, self.ring, re, im)
        mode_forces(re, im, work_re, work_im, sums, self.weight, force)
        return force

    def energy(self, x: Array, domain: Domain) -> float:
        square = (self._sums(x, domain) ** 2).sum(axis=1)
        return float((self.spectrum * (square - domain.ring.particles)).sum() / self.ring)

    @property
    def modes(self) -> Array | None:
        return self.weight


def partial_sums(x: Array, ring: float, modes: int) -> Array:
    """sum_i exp(2 pi i m x_i/L) for m = 1..modes, (modes, 2) real and imaginary part."""
    re, im, work_re, work_im = (np.empty(x.size) for _ in range(4))
    sums = np.empty((modes + -modes % 4, 2))
    phasors(x, ring, re, im)
    mode_sums(re, im, work_re, work_im, sums)
    return sums[:modes]


@dataclass(frozen=True)
class MeshForce:
    """Particle-mesh with splines of order 6 at both ends, cut smoothly at ``reach``.

    The mesh kernel interpolates the potential at the nodes (cardinal splines), the force is the exact slope of the
    interpolated energy, and the convolution runs over blocks of a fixed length.

    Attributes
    ----------
    spacing : mesh spacing
    cells : half-width J of the mesh kernel in cells
    reach : length J + spline width that a part of the ring needs on either side
    transform : transform of the kernel on one block
    block : length of a block in cells
    contact : V(0), the energy of a rod with itself
    background : V~(0), as `Potential.fourier` gives it
    error : measured largest error of the pair force, relative to the largest pair force
    """

    spacing: float
    cells: int
    reach: float
    transform: NDArray[np.complex128]
    block: int
    contact: float
    background: float
    error: float

    @classmethod
    def build(cls, potential: Potential, ring: float, tolerance: float) -> "MeshForce":
        """Cut where |V'| stays below ``tolerance`` times its maximum.

        From 16 mesh points per range on, they are doubled (up to 64) until ``error`` is below 1e-4: potentials that
        are not smooth at the origin, such as 1/(1+|x|^3), need more.

        Raises
        ------
        InputError
            If the cut potential does not fit on the ring twice.
        """
        check_ring(potential, ring)
        for points in (16, 32, 64):
            mesh = cls._with_points(potential, ring, tolerance, points)
            if mesh.error < 1e-4:
                break
        return mesh

    @classmethod
    def _with_points(cls, potential: Potential, ring: float, tolerance: float, points: int) -> "MeshForce":
        spacing = potential.range / points
        cut = _cut(potential, tolerance)
        cells = int(np.ceil(cut / spacing)) + FILTER_CELLS
        reach = (cells + ORDER + 1) * spacing
        if 2.0 * reach > ring:
            raise InputError(f"md.ring = {ring:g}: shorter than the mesh force's reach; allowed: above {2 * reach:g}")

        length = fft.next_fast_len(4 * cells, real=True)
        node = np.arange(length)
        distance = spacing * np.minimum(node, length - node)
        samples = potential(distance) * _taper(distance / cut)
        spline = np.empty(ORDER)
        spline_weights(0.0, spline, np.empty(ORDER))
        # values of the centred spline at the nodes, as a symbol in k
        angle = 2.0 * np.pi * np.arange(length // 2 + 1) / length
        nodes = spline[: ORDER - 1]
        symbol = nodes @ np.cos(np.outer(np.arange(ORDER - 1) - (ORDER - 2) // 2, angle))
        kernel = fft.irfft(fft.rfft(samples) / symbol**2, length)

        block = 1 << int(np.ceil(np.log2(max(8 * cells, 8192))))
        padded = np.zeros(block)
        padded[: cells + 1] = kernel[: cells + 1]
        padded[-cells:] = kernel[-cells:]
        background = float(potential.fourier(0.0))
        mesh = cls(spacing, cells, reach, fft.rfft(padded), block, float(potential(0.0)), background, 0.0)
        return cls(**{**mesh.__dict__, "error": mesh._pair_error(potential, cut)})

    def _pair_error(self, potential: Potential, cut: float) -> float:
        """Largest error of the force between two rods over distances and offsets within a cell."""
        distance = np.linspace(0.05 * potential.range, 1.2 * cut, 4001)
        exact = -potential.derivative(distance)
        worst = 0.0
        for offset in (0.0, 0.31, 0.5, 0.83):
            source = np.array([offset * self.spacing])
            worst = max(worst, float(np.abs(self.evaluate(distance + source, source)[1] - exact).max()))
        return worst / float(np.abs(exact).max())

    @property
    def description(self) -> str:
        return "spline mesh"

    def forces(self, x: Array, domain: Domain) -> Array:
        force = self.evaluate(x, domain.within_reach(x, self.reach))[1]
        # splines conserve momentum up to the mesh error; the mean force is that error
        return np.asarray(force - float(domain.total(force.sum(keepdims=True))[0]) / domain.ring.particles)

    def energy(self, x: Array, domain: Domain) -> float:
        n, ring = domain.ring.particles, domain.ring.circumference
        field = self.evaluate(x, domain.within_reach(x, self.reach))[0]
        pairs = 0.5 * (float(domain.total(field.sum(keepdims=True))[0]) - n * self.contact)
        return pairs - self.background * n * (n - 1) / (2.0 * ring)

    @property
    def modes(self) -> Array | None:
        return None

    def evaluate(self, x: Array, sources: Array) -> tuple[Array, Array]:
        """Potential and force at x (n,) of the rods at ``sources``, which may include x."""
        low = min(float(x.min()), float(sources.min()))
        high = max(float(x.max()), float(sources.max()))
        first = int(np.floor(low / self.spacing))  # mesh nodes are the same for every part of the ring
        size = int(np.floor(high / self.spacing)) - first + ORDER + 1
        density = np.zeros(size)
        spread(sources, first * self.spacing, self.spacing, density)
        values = self._convolve(density)
        field, force = np.empty(x.size), np.empty(x.size)
        gather(x, first * self.spacing, self.spacing, values, field, force)
        return field, force

    def _convolve(self, density: Array) -> Array:
        """Kernel times density by overlap-save, one block at a time so that it stays in cache."""
        keep = self.block - 2 * self.cells
        count = -(-density.size // keep)
        padded = np.zeros(count * keep + 2 * self.cells)
        padded[self.cells : self.cells + density.size] = density
        result = np.empty(count * keep)
        for b in range(count):
            piece = fft.rfft(padded[b * keep : b * keep + self.block])
            piece *= self.transform
            values = fft.irfft(piece, self.block, overwrite_x=True)
            result[b * keep : (b + 1) * keep] = values[self.cells : self.cells + keep]
        return result[: density.size]


def _cut(potential: Potential, tolerance: float) -> float:
    """Distance beyond which |V'| (with the taper's slope, V/x) is below tolerance times its maximum."""
    x = potential.range * np.geomspace(1e-2, 1e5, 4000)
    slope = np.maximum(np.abs(potential.derivative(x)), np.abs(potential(x)) / x)
    steepest = np.abs(potential.derivative(x)).max()
    above = np.flatnonzero(slope > tolerance * steepest)
    last = min(int(above[-1]) + 1, x.size - 1) if above.size else 0
    return max(2.0 * float(x[last]), 4.0 * potential.range)


def _taper(x: Array) -> Array:
    """1 up to x = 1/2, 0 from 1 on, three continuous derivatives."""
    s = np.clip(2.0 * x - 1.0, 0.0, 1.0)
    return 1.0 - s**4 * (35.0 - 84.0 * s + 70.0 * s**2 - 20.0 * s**3)


def choose_force(potential: Potential | None, ring: float, tolerance: float, most_modes: int = 500) -> Force:
    """The cheaper of the two: modes while at most ``most_modes`` are needed, else the mesh where it fits.

    ``most_modes`` is where modes and mesh were measured to cost about the same per rod.

    Raises
    ------
    InputError
        If the ring is shorter than four ranges or neither method reaches the tolerance on it.
    """
    if potential is None or potential.strength == 0.0:
        return FourierForce.none(ring)
    check_ring(potential, ring)
    try:
        return FourierForce.build(potential, ring, tolerance, most_modes)
    except InputError:
        reach = _cut(potential, tolerance) + (FILTER_CELLS + ORDER + 1) * potential.range / 16
        if 2.0 * reach <= ring:
            return MeshForce.build(potential, ring, tolerance)
        return FourierForce.build(potential, ring, tolerance)
