"""Coherent collisions: encounters of three quasiparticles of any integrable model, first order in V and in a/xi.

In coordinates in which quasiparticles are free, y = x + 1/2 sum sgn(x - x') 2 pi T, the density of a gas is quadratic
in its fluctuations (a third quasiparticle between two others changes their distance), and the pair energy has one cubic
vertex. For momentum transfers q_1 + q_2 + q_3 = 0

    W = sum_(i; jk the other two) V_(q_i) 1^dr_i 2 pi T^dr_jk q_i^2/(q_j q_k) .

Momentum and energy are kept where q = lambda d, d = (v_2 - v_3, v_3 - v_1, v_1 - v_2) with effective velocities v, and
a kick q_1 changes theta_1 by q_1/1^dr_1. With fillings n, g = n f, rho_s, and K = int dlambda lambda^2 |W(lambda d)|^2,

    I = d_theta (R^t)^-1 J,    J_1 = (rho_s1 d_1/(8 pi 1^dr_1)) int int dtheta_2 dtheta_3 rho_s2 rho_s3 K B,
    B = sum_j (d_j/1^dr_j) n'_j prod_(i != j) g_i .

Amplitudes add up before they are squared; eq. (10) of arXiv:2408.00593 is, to leading order, the sum of squares
(docs/kinetic.md). lambda enters through V alone: K = sum_ij c_i c_j Q(d_i, d_j), see `pair_table`; the poles of c_i
and c_j at equal velocities cancel. For rods, T = -a/2 pi, the factor in front is (1 - a rho)^3.

Discrete form. theta_i runs over the nodes, (R^t)^-1 is the model's own matrix, d/dtheta the conservative derivative.
The left null vectors 1, theta, e then hold for any rho: 1^dr/1^dr = 1, (e')^dr/1^dr = v, sum d_i = sum d_i v_i = 0.
With u_j = - n'_j/(g_j 1^dr_j) the weak form makes

    - int 1^dr u J = (1/24 pi) int rho_s rho_s rho_s g g g K [sum d_j u_j]^2 >= 0

an identity of the sums; it is the growth of the entropy int rho_s s(n) to the accuracy of d/dtheta (spectral). K is
finite at equal velocities and B vanishes there, so that triples of different nodes are all that is left and the sums
converge as fast as V_k is smooth.
"""

from dataclasses import dataclass

import numpy as np
from mpi4py import MPI
from petsc4py import PETSc
from scipy.integrate import quad

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.collisions import triples
from gbbgky_petsc.collisions.amplitudes import SecondOrderKernel
from gbbgky_petsc.collisions.dressed import Dressed
from gbbgky_petsc.collisions.operator import CollisionOperator, Collisions, register
from gbbgky_petsc.collisions.pair_table import PairTable
from gbbgky_petsc.collisions.quadrature import OctaveRule
from gbbgky_petsc.collisions.rod_lengths import RodPotential
from gbbgky_petsc.collisions.screening import Clouds, MomentumMesh
from gbbgky_petsc.discrete.mesh import PhaseSpaceMesh
from gbbgky_petsc.errors import InputError, SolverError
from gbbgky_petsc.physics.models import HardRods, IntegrableModel
from gbbgky_petsc.physics.potential import Potential


@dataclass(frozen=True)
class TripleState:
    """A dressed state with the slope s = n'/1^dr, (N,), and the kernels K of this rank's triples."""

    dressed: Dressed
    slope: Array
    kernels: Array

    def excess(self, beta: float) -> Array:
        """t = s + beta g v, (N,): B is the same for any beta, and t vanishes in the thermal state of beta."""
        return self.slope + beta * self.dressed.occupation * self.dressed.velocity


@register("coherent")
class Coherent(CollisionOperator):
    """I(theta) of the module on the theta-mesh; number, momentum and energy are conserved to rounding.

    An application takes N^3/6 kernels, shared out over the ranks; the table of the potential is computed once.

    Parameters
    ----------
    model, potential, mesh, comm
        As for `CollisionOperator`; any integrable model. For free particles I = 0 but for the second order.
    tolerance
        Relative error allowed for the table of the potential.
    finite_length
        Rods: distances count the rods in between, all orders in a/xi of the first order in V,
        `gbbgky_petsc.collisions.rod_lengths`. The table is then one of the density, too.
    second_order
        Rods and free particles: add the amplitude of second order in V, which interferes with the first.
    screened
        Dress the legs of the first order by the response of the gas, `gbbgky_petsc.collisions.screening`.
    coherent
        False adds squares of amplitudes, the limit D -> 0 of eq. (10), for comparison.

    Raises
    ------
    InputError
        For a potential that jumps, an option of another model, or two that do not go together.
    SolverError
        If a table misses the tolerance, there or, with ``finite_length``, in a state of another density.
    """

    equation = "kinetic equation of coherent encounters of three, first order in V0"
    accepts = frozenset({"tolerance", "finite_length", "second_order", "screened"})

    def __init__(
        self,
        model: IntegrableModel,
        potential: Potential,
        mesh: PhaseSpaceMesh,
        comm: PETSc.Comm = PETSc.COMM_WORLD,
        tolerance: float = 1e-5,
        finite_length: bool = False,
        second_order: bool = False,
        screened: bool = False,
        coherent: bool = True,
    ) -> None:
        super().__init__(model, potential, mesh, comm)
        self.coherent, self.screened, self.tolerance = coherent, screened, tolerance
        if second_order and not isinstance(model, HardRods):  # free particles are rods of length 0
            raise InputError("kinetic.second_order = true: allowed: model.kind = hard_rods, classical free")
        if finite_length and not (isinstance(model, HardRods) and model.length > 0.0):
            raise InputError("kinetic.finite_length = true: allowed: model.kind = hard_rods")
        if finite_length and screened:
            raise InputError("kinetic.finite_length = true: allowed: without kinetic.screened")
        self.finite_length, self.second_order = finite_length, second_order
        self._density = 0.0
        table = PairTable(potential, self.comm)
        self.transform = table.transform
        self._tabulate(table)
        orders = {"with finite lengths": finite_length, "with the second": second_order, "legs screened": screened}
        self.equation = ", ".join([type(self).equation, *(name for name, on in orders.items() if on)])
        xi = potential.range
        self._square = 2.0 * xi * quad(lambda x: float(potential(xi * x)) ** 2, 0.0, np.inf)[0]
        self._state: TripleState | None = None
        self._clouds: Clouds | None = None

    def _tabulate(self, table: PairTable, more: float = 0.0) -> None:
        """Take this table, whose potential brings an error ``more`` along; `SolverError` keeps the last. Collective."""
        second, error = None, table.error + more
        if self.second_order:
            n, spacing = self.mesh.theta_points, self.mesh.theta_weight
            second = SecondOrderKernel(table.transform, self.transform, self.potential.range, n, spacing)
            error = max(error, second.error)
        if error > self.tolerance:
            raise SolverError(
                f"kinetic.tolerance = {self.tolerance:g}: the integral over momentum transfers is off by {error:.1e}"
            )
        self.table, self._second, self.error = table, second, error

    def _at_density(self, density: float) -> None:
        """With ``finite_length``: tables of this density, which evolution in time conserves. Collective."""
        if self.finite_length and abs(density - self._density) > 1e-9 * density:
            assert isinstance(self.model, HardRods)
            rods = RodPotential(self.potential, self.model.length, density)
            self._tabulate(PairTable(rods, self.comm), rods.error)
            self._density = density

    def state(self, rho: Array) -> TripleState:
        """The dressed state at rho with its kernels; the last one is kept. Collective.

        Raises
        ------
        InputError
            If the effective velocity is not monotonic, or a collective mode grows and screening is asked for.
        """
        if self._state is None or not np.array_equal(rho, self._state.dressed.background.rho):
            mesh = self.mesh
            self._at_density(mesh.theta_weight * float(rho.sum()))
            b = Dressed(self.model.background(mesh.theta, mesh.theta_weight, rho.copy()), mesh.theta_derivative)
            self._state = TripleState(b, b.filling_slope / b.unit, self._kernels(b))
        return self._state

    def _kernels(self, b: Dressed) -> Array:
        """K of this rank's triples."""
        own, backflow, table = (self.comm.rank, self.comm.size), 2.0 * np.pi * b.kernel, self.table
        more, second = self._beyond(b)
        legs = triples.legs(b.velocity, backflow)
        K = triples.kernels(*own, b.velocity, b.unit, *legs, table.coefficients, more, self.coherent)
        K *= table.scale
        if self.screened and table.scale > 0.0:
            self._clouds = clouds = Clouds.of(b)
            clouds.check_stable(b, table.transform.values, f"kinetic.kind = {self.kind}")
            momenta = MomentumMesh.of(table.transform, self.potential.range, b.velocity)
            triples.add_screening(
                *own, b.velocity, b.unit, backflow, momenta.potential, momenta.weight,
                clouds.response, clouds.single, clouds.double, clouds.mixed, second, K,
            )  # fmt: skip
        return K

    def _beyond(self, b: Dressed) -> tuple[Array, float]:
        """Second order of K/Psi(0) by differences of nodes, (N, N), and the factor kappa^2 of its amplitude.

        kappa^9 2 a <T_1 T_2> + kappa^11 <T_2 T_2>, in velocities theta.
        """
        n = b.unit.size
        if self._second is None or self.table.scale == 0.0:
            return np.zeros((n, n)), 0.0
        assert isinstance(self.model, HardRods)
        a, kappa = self.model.length, float(b.unit[0])
        second = 2.0 * a * kappa**9 * self._second.mixed + kappa**11 * self._second.square
        return np.asarray(second / self.table.scale), kappa**2

    def __call__(self, rho: Array) -> Collisions:
        """Collision integral at rho, (N,) and the same on every rank. Collective.

        Raises
        ------
        InputError
            If the effective velocity is not monotonic.
        """
        rate = self.rate(rho)
        energy, correlation = self._correlations(self.state(rho))
        return self._collisions(rho, rate, energy, correlation, self.error, self.table.nodes)

    def rate(self, rho: Array) -> Array:
        """See `CollisionOperator.rate`."""
        s = self.state(rho)
        total = triples.flux(*self._sums(s, s.slope))
        self.comm.Allreduce(MPI.IN_PLACE, total)
        flux = s.dressed.background.rotation_inverse @ (self._front(s) * total)
        return np.asarray(self.mesh.theta_derivative @ flux)

    def derivative(self, rho: Array, beta: float | None = None) -> Array:
        """dI/d rho, (N, N), exact in thermal states and, at fixed density, everywhere for rods. Collective.

        sum_j d_j v_j = 0 makes B the same with t = n'/1^dr + beta g v in the place of n'/1^dr, and t vanishes in the
        thermal state of inverse temperature beta. Here t and g vary, and K, d, rho_s and R^t, which multiply t, do not.

        Parameters
        ----------
        rho : (N,)
        beta
            Inverse temperature; by default the one that makes t smallest.
        """
        s, D = self.state(rho), self.mesh.theta_derivative
        b = s.dressed
        if beta is None:
            flow = b.occupation * b.velocity
            beta = max(0.0, -float(s.slope @ flow) / float(flow @ flow))
        both = np.stack(triples.responses(*self._sums(s, s.excess(beta))))
        self.comm.Allreduce(MPI.IN_PLACE, both)
        excess = (D @ b.filling_response - s.slope[:, None] * b.unit_response) / b.unit[:, None]
        excess += beta * b.velocity[:, None] * b.occupation_response
        excess += beta * b.occupation[:, None] * b.velocity_response
        flux = self._front(s)[:, None] * (both[0] @ excess + both[1] @ b.occupation_response)
        return np.asarray(D @ (b.background.rotation_inverse @ flux))

    def entropy_production(self, rho: Array) -> float:
        """(1/24 pi) int rho_s rho_s rho_s g g g K [sum_j d_j u_j]^2 >= 0: dS/dt per unit length. Collective."""
        s = self.state(rho)
        total = self.comm.allreduce(triples.production(*self._sums(s, s.slope)))
        return total * self.mesh.theta_weight**3 / (4.0 * np.pi)

    def _sums(self, s: TripleState, drive: Array) -> tuple:
        """Arguments of `triples.flux`, `responses` and `production`."""
        b = s.dressed
        return self.comm.rank, self.comm.size, s.kernels, b.velocity, b.states, b.occupation, drive

    def _front(self, s: TripleState) -> Array:
        """What turns `triples.flux`, a sum over unordered pairs, into J, (N,)."""
        return np.asarray(self.mesh.theta_weight**2 / (4.0 * np.pi * s.dressed.unit))

    def _correlations(self, s: TripleState) -> tuple[float, Array]:
        """Energy per unit length and density correlation (Nz,) of the stationary g without diffusion.

        First order in V: int int G_k = V_k X. Screened: int (1^dr)^2 rho_s g (|eps|^-2 - 1), whose first order it is.
        """
        if self._clouds is None:
            strength = self._correlation(s.dressed)
            return 0.5 * strength * self._square, strength * self.potential(self.mesh.z)
        b, chi = s.dressed, self._clouds.response
        weight = b.unit**2 * b.states * b.occupation * self.mesh.theta_weight

        def integrand(k: Array) -> Array:
            V = self.transform(k * self.potential.range)
            G = (np.abs(1.0 - V[:, None] * chi) ** -2 - 1.0) @ weight
            return np.stack([V * G, G], axis=1)

        rule = OctaveRule(1.0 / self.potential.range, 1e-5, (slice(0, 1), slice(1, 2)))
        result = rule.integrate(integrand, (1e-300, 1e-300))
        return float(result.value[0]) / (2.0 * np.pi), result.cosine(result.samples[:, 1], self.mesh.z) / np.pi

    def _correlation(self, b: Dressed) -> float:
        """X = int int G_k/V_k, first order in V, stationary without diffusion; for rods (1 - a rho)^4 int int (...).

        int int dtheta_1 dtheta_2 1^dr_1 rho_s1 1^dr_2 rho_s2 (n'_1 g_2 1^dr_2 - 1^dr_1 g_1 n'_2)/(v_1 - v_2).
        """
        D = self.mesh.theta_derivative
        slope, charge = b.filling_slope, b.occupation * b.unit
        weight = b.unit * b.states * self.mesh.theta_weight
        apart = b.velocity[:, None] - b.velocity
        np.fill_diagonal(apart, b.velocity_slope)
        pairs = np.outer(slope, charge) - np.outer(charge, slope)
        np.fill_diagonal(pairs, (D @ slope) * charge - slope * (D @ charge))
        return float(weight @ (pairs / apart) @ weight)
