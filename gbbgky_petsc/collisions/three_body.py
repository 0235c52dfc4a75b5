"""Encounters of three: the collision integral of classical rods in the limit V0 -> 0.

Between collisions rods are free quasiparticles in contracted coordinates y = x - a (number to the left), so the pair
energy V(x_i - x_j) of two of them depends on how many others are in between. Encounters of two exchange momenta and
leave rho alone; the first that do not are those of three, with momentum transfers q_i, q_1 + q_2 + q_3 = 0.
Momentum and energy are kept where q_1 v_1 + q_2 v_2 + q_3 v_3 = 0, that is q = lambda d with
d = (v_2 - v_3, v_3 - v_1, v_1 - v_2). Their amplitude T is

* for rods, first order in V: a third rod between two others lengthens their distance by a,
  T = a [S sum_i 1/q_i - sum_i V_qi], S = sum_i q_i V_qi  (`contact_amplitude`);
* for a = 0, second order in V (one step of canonical perturbation theory),
  T = - lambda^2 [q_3 V_q1 V_q2 + q_1 V_q2 V_q3 + q_2 V_q3 V_q1]/(q_1 q_2 q_3)  (`successive_amplitude`).

The golden rule then makes rho diffuse, for any psi(theta),

    d/dt int psi rho = - F/(24 pi) int dv_1 dv_2 dv_3 K(d) [sum_i d_i psi'(v_i)] [sum_j d_j d/dv_j] rho rho rho,
    K = int dlambda lambda^2 |T|^2,   F = (1 - a rho)^3 for rods, 1 for a = 0.

F collects 1/(1 - a rho) of the contracted clock and the charge 1 - a rho of a quasiparticle on each side of the two
vertices: an added rod pushes its neighbours aside. This is derived from the Hamiltonian, not taken from the paper,
whose eq. (10) differs: docs/kinetic.md. Mass 1, v = theta; T is an energy times a length squared, I is rho over a time.
"""

from collections.abc import Callable

import numpy as np
from mpi4py import MPI
from petsc4py import PETSc
from scipy.integrate import quad
from scipy.interpolate import BarycentricInterpolator, CubicSpline

from gbbgky_petsc.collisions.collision import Collisions, defects
from gbbgky_petsc.collisions.quadrature import OctaveRule
from gbbgky_petsc.discrete.mesh import Array, PhaseSpaceMesh
from gbbgky_petsc.errors import InputError
from gbbgky_petsc.physics.models import HardRods, IntegrableModel
from gbbgky_petsc.physics.potential import Potential

Transform = Callable[[Array], Array]

#: Chebyshev nodes in r (1 - r), r the ratio of the smaller two velocity differences to the largest
RATIOS = 20
#: k times range at which V_k is sampled; far out only the tail of a potential with a kink is left
WAVENUMBERS = np.concatenate([np.arange(0.0, 40.0, 0.03), np.geomspace(40.0, 1e5, 400)])


def contact_amplitude(q: tuple[Array, Array, Array], transform: Transform) -> Array:
    """T/a of first order in V, same shape as the momentum transfers q, which add up to zero."""
    one, two, three = q
    V = [transform(p) for p in q]
    S = one * V[0] + two * V[1] + three * V[2]
    return np.asarray(S * (1.0 / one + 1.0 / two + 1.0 / three) - (V[0] + V[1] + V[2]))


def successive_amplitude(q: tuple[Array, Array, Array], transform: Transform) -> Array:
    """T/lambda^2 of second order in V, same shape as q."""
    one, two, three = q
    V = [transform(p) for p in q]
    return np.asarray(-(three * V[0] * V[1] + one * V[1] * V[2] + two * V[2] * V[0]) / (one * two * three))


def sampled_transform(potential: Potential, comm: MPI.Intracomm) -> Transform:
    """V_k as a cubic spline through samples at `WAVENUMBERS`, 0 beyond; the ranks share them. Collective."""
    grid = WAVENUMBERS / potential.range
    samples = np.zeros_like(grid)
    own = slice(comm.rank, None, comm.size)
    samples[own] = potential.fourier(grid[own])
    comm.Allreduce(MPI.IN_PLACE, samples)
    spline = CubicSpline(grid, samples, bc_type=((1, 0.0), "not-a-knot"))

    def transform(k: Array) -> Array:
        size = np.abs(k)
        return np.where(size < grid[-1], spline(np.minimum(size, grid[-1])), 0.0)

    return transform


class EncounterKernel:
    """K(d) of the module, a homogeneous function of the velocity differences: a power times a function of their ratio.

    Parameters
    ----------
    potential
        Pair potential.
    length
        Rod length a; 0 for free particles.
    tolerance
        Relative error of the quadrature over lambda.
    comm
        Its ranks share the work. Collective.
    """

    def __init__(self, potential: Potential, length: float, tolerance: float, comm: MPI.Intracomm) -> None:
        transform = sampled_transform(potential, comm)
        angle = np.pi * (np.arange(RATIOS) + 0.5) / RATIOS
        product = 0.125 * (1.0 + np.cos(angle))
        ratio = 0.5 * (1.0 - np.sqrt(1.0 - 4.0 * product))
        self.power = -3 if length > 0.0 else -7

        def integrand(k: Array) -> Array:
            large = k[:, None] * np.ones(RATIOS)
            q = (-large, ratio * large, (1.0 - ratio) * large)
            if length > 0.0:
                amplitude = length * contact_amplitude(q, transform)
            else:
                amplitude = large**2 * successive_amplitude(q, transform)
            return np.asarray(2.0 * large**2 * amplitude**2)

        integral = OctaveRule(1.0 / potential.range, tolerance, (slice(None),)).integrate(integrand, (1e-300,))
        self.error, self.nodes = integral.error, integral.nodes.size
        self._shape = BarycentricInterpolator(product, integral.value)

    def __call__(self, u: Array, w: Array) -> Array:
        """K for u = v_2 - v_1 and w = v_3 - v_1, same shape; 0 where two velocities agree, where it is not needed."""
        sizes = np.sort(np.abs(np.stack([u, w, w - u])), axis=0)
        apart = sizes[0] > 1e-9 * sizes[2]
        largest = np.where(apart, sizes[2], 1.0)
        product = np.where(apart, sizes[0] * sizes[1] / largest**2, 0.125)
        return np.asarray(np.where(apart, largest**self.power * self._shape(product), 0.0))


class ThreeBodyIntegral:
    """I(theta) of the module on the theta-mesh; number, momentum and energy are conserved to rounding.

    To leading order, V0^2 for rods and V0^4 without, in V0 rho/E and a/xi: no screening by the other particles, no
    interference of both amplitudes (third order in V0), no trapping of particles of nearly equal velocity. An
    application takes N^3 operations, shared out over the ranks; the kernel is computed once.

    Parameters
    ----------
    model
        Hard rods or free particles.
    potential, mesh
        Pair potential; theta-mesh (and z for the density correlation).
    comm
        All methods are collective on it.
    tolerance
        Relative error of the quadrature over momentum transfers.

    Raises
    ------
    InputError
        For another model.
    SolverError
        If the quadrature does not converge.
    """

    def __init__(
        self,
        model: IntegrableModel,
        potential: Potential,
        mesh: PhaseSpaceMesh,
        comm: PETSc.Comm = PETSc.COMM_WORLD,
        tolerance: float = 1e-5,
    ) -> None:
        if not isinstance(model, HardRods):  # free particles are rods of length 0
            raise InputError("kinetic.kind = three_body: is classical; allowed with model.kind = hard_rods, free")
        self.model, self.potential, self.mesh = model, potential, mesh
        self.comm: MPI.Intracomm = comm.tompi4py()
        self.kernel = EncounterKernel(potential, model.contact_length, tolerance, self.comm)
        # over differences of nodes: K d_1^2 and 2 K d_1 d_2 with particle 1 at theta_a, 2 at theta_b, 3 at theta_c
        n, h = mesh.theta_points, mesh.theta_weight
        u, w = np.meshgrid(h * np.arange(1.0 - n, n), h * np.arange(1.0 - n, n), indexing="ij")
        K = self.kernel(u, w)
        self._own = slice(self.comm.rank, None, self.comm.size)
        xi = potential.range
        self._square = 2.0 * xi * quad(lambda x: float(potential(xi * x)) ** 2, 0.0, np.inf)[0]
        self._both = [self._windows(K * (u - w) ** 2), self._windows(2.0 * K * (u - w) * w)]

    def _windows(self, table: Array) -> Array:
        """(own a, N, N) view [a, b, c] of a table over (b - a, c - a)."""
        n, (row, column) = self.mesh.theta_points, table.strides
        first = table[n - 1 :, n - 1 :]
        every = np.lib.stride_tricks.as_strided(first, (n, n, n), (-row - column, row, column), writeable=False)
        return every[self._own]

    def _scale(self, rho: Array) -> float:
        """3 F h^2/(24 pi); the three roles of a particle are alike."""
        h = self.mesh.theta_weight
        share = 1.0 - self.model.contact_length * h * float(rho.sum())
        return share**3 * h**2 / (8.0 * np.pi)

    def __call__(self, rho: Array) -> Collisions:
        """Collision integral at rho, (N,) and the same on every rank. Collective."""
        D, own = self.mesh.theta_derivative, self._own
        slope = D @ rho
        straight, crossed = (table @ rho for table in self._both)  # (own, N), over the second particle
        flux = np.zeros_like(rho)
        flux[own] = slope[own] * (straight @ rho) + rho[own] * (crossed @ slope)
        self.comm.Allreduce(MPI.IN_PLACE, flux)
        rate = self._scale(rho) * D @ flux
        strength = self._correlation(rho, slope)
        energy = 0.5 * strength * self._square / (self.mesh.theta_weight * float(rho.sum()))
        correlation = strength * self.potential(self.mesh.z)
        lost = defects(self.model, self.mesh.theta, rate)
        return Collisions(rate, lost, energy, correlation, self.kernel.error, self.kernel.nodes)

    def _correlation(self, rho: Array, slope: Array) -> float:
        """int int G_k/V_k to first order in V: (1 - a rho)^4 int int (rho' rho - rho rho')/(theta - theta')."""
        h, D = self.mesh.theta_weight, self.mesh.theta_derivative
        apart = self.mesh.theta[:, None] - self.mesh.theta
        np.fill_diagonal(apart, 1.0)
        pairs = (np.outer(slope, rho) - np.outer(rho, slope)) / apart
        np.fill_diagonal(pairs, (D @ slope) * rho - slope**2)
        return h**2 * float(pairs.sum()) * (1.0 - self.model.contact_length * h * float(rho.sum())) ** 4

    def derivative(self, rho: Array, beta: float | None = None) -> Array:
        """dI/d rho at fixed density, (N, N), exact; ``beta`` is not needed. Collective."""
        D, own = self.mesh.theta_derivative, self._own
        slope = D @ rho
        straight, crossed = (table @ rho for table in self._both)
        by_slope = np.swapaxes(self._both[1], 1, 2) @ slope
        flux = np.zeros((rho.size, rho.size))
        flux[own] = (straight @ rho)[:, None] * D[own] + 2.0 * slope[own, None] * straight
        flux[own] += rho[own, None] * (crossed @ D + by_slope)
        rows = np.arange(rho.size)[own]
        flux[rows, rows] += crossed @ slope
        self.comm.Allreduce(MPI.IN_PLACE, flux)
        return np.asarray(self._scale(rho) * D @ flux)
