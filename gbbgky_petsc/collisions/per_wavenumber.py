"""The collision integral (10) and its screened form: one Lyapunov equation per wavenumber on the infinite line."""

import numpy as np
from mpi4py import MPI
from petsc4py import PETSc

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.collisions.meshes import MeshPair
from gbbgky_petsc.collisions.operator import CollisionOperator, Collisions, register
from gbbgky_petsc.collisions.quadrature import Integral, OctaveRule
from gbbgky_petsc.collisions.wavenumbers import Correlations, State
from gbbgky_petsc.discrete.mesh import PhaseSpaceMesh
from gbbgky_petsc.errors import InputError
from gbbgky_petsc.physics.models import Background, IntegrableModel
from gbbgky_petsc.physics.potential import Potential

#: change of rho, relative to its maximum, after which the quadrature over k is checked anew
RECHECK = 0.05


class PerWavenumber(CollisionOperator):
    """I(theta) = d_theta int_0^infinity dk/pi k V_k Im int dtheta' G_k, G_k stationary at frozen rho.

    Number, momentum and energy are conserved to rounding, by exchange symmetry and the mesh's conservative derivative.
    See `gbbgky_petsc.collisions.wavenumbers`; wavenumbers are shared out over the ranks.

    Parameters
    ----------
    model, potential, mesh, comm
        As for `CollisionOperator`.
    tolerance
        Relative error of the quadrature over k.
    staggered
        Whether theta' lives half-way between the nodes of theta.
    memory
        Correlations build up from none at t = 0, at the operators of the present rho: eqs. (SB.4), (SB.5) with
        G_k = int_0^t dtau e^(-M_k tau) F_k e^(-M_k^H tau). Then number and momentum are conserved, and the energy
        only with that of the correlations, up to what the slow change of rho leaves out.
    """

    accepts = frozenset({"tolerance", "staggered", "memory"})
    collective: bool  #: whether M_k has the collective term

    def __init__(
        self,
        model: IntegrableModel,
        potential: Potential,
        mesh: PhaseSpaceMesh,
        comm: PETSc.Comm = PETSc.COMM_WORLD,
        tolerance: float = 1e-5,
        staggered: bool = True,
        memory: bool = False,
    ) -> None:
        super().__init__(model, potential, mesh, comm)
        self._time = 0.0 if memory else np.inf
        self.memory = memory
        if memory:
            self.equation = f"{type(self).equation}, with memory (SB.4), (SB.5)"
            self.response_time = potential.range / float(np.abs(model.energy_derivative(mesh.theta)).max())
        self.tolerance = tolerance
        self.meshes = MeshPair(mesh, staggered)
        n = mesh.theta_points
        self._rule = OctaveRule(1.0 / potential.range, tolerance, (slice(0, n), slice(n, n + 1)))
        self._transform: dict[float, float] = {}
        self._correlations: Correlations | None = None
        self._last: tuple[Array, Collisions] | None = None
        self._checked: tuple[float, Array] | None = None
        self._error = 0.0

    def __call__(self, rho: Array) -> Collisions:
        """Collision integral at rho, (N,) and the same on every rank. Collective.

        Raises
        ------
        SolverError
            If the quadrature does not converge, or the state has no stationary correlations.
        """
        if self._last is None or not np.array_equal(rho, self._last[0]):
            self._last = (rho.copy(), self._evaluate(rho))
        return self._last[1]

    def at(self, t: float) -> None:
        """See `CollisionOperator`."""
        if self.memory and t != self._time:
            self._time, self._last = t, None

    def _evaluate(self, rho: Array) -> Collisions:
        integral = self._integrate(rho)
        n = self.mesh.theta_points
        force, energy = integral.value[:n] / np.pi, integral.value[n] / (2.0 * np.pi)
        # the last column is V_k Re int int G_k: the density correlation follows from it
        potential = self._fourier(integral.nodes)
        density = np.divide(integral.samples[:, n], potential, out=np.zeros_like(potential), where=potential != 0.0)
        correlation = integral.cosine(density, self.mesh.z) / np.pi
        rate = self.meshes.derivative @ force
        return self._collisions(rho, rate, energy, correlation, integral.error, integral.nodes.size)

    def diffusion_matrix(self, rho: Array) -> Array:
        """D^LR, (N, N) as an operator, of I = d_theta (D^LR d_theta rho), eqs. (SB.11), (SB.12). Collective."""
        return self._kernels(rho)[0]

    def derivative(self, rho: Array, beta: float | None = None) -> Array:
        """dI/d rho, (N, N), exact in thermal states and approximate elsewhere. Collective.

        For any beta and rho, - gamma_k c (x) c with gamma_k = beta V_k/(1 + beta chi V_k), chi = int c (no denominator
        for ``landau``), solves the Lyapunov equation but for a rest ik (gamma_k/beta) [u (x) c - c (x) u] in it;
        u = rho' + beta (A - s) c with the mean velocity s. Being real it does not add to I, so that I = L[rho] u
        with L the operator of `diffusion_matrix` for that source. Here L[rho] du/d rho is returned; the neglected
        dL/d rho u vanishes in the thermal state of inverse temperature beta, where u does. The left null vectors are
        those of I: 1, theta, e.

        Parameters
        ----------
        rho : (N,)
        beta
            Inverse temperature; by default the one that makes u smallest.
        """
        background = self._correlations_at(rho).state.here.background
        slope, flow = self.meshes.derivative @ rho, self._drift(background)
        if beta is None:
            beta = max(0.0, -float(slope @ flow) / float(flow @ flow))
        by_slope = self._kernels(rho, beta=beta)[0]
        D = self.meshes.derivative
        return D @ by_slope @ (D + beta * self._drift_response(rho))

    def retardation(self, rho: Array) -> Array:
        """R, (N, N): d rho/dt = I[rho] + R d rho/dt to first order in the memory of the correlations. Collective.

        A measure of what the kinetic equation leaves out: G_k follows rho with the delay of its own relaxation, and
        G = G0 + G1 with M_k G1 + G1 M_k^H = - dG0/dt. At frozen A and D, R is the derivative of the operator
        rho -> I by sigma of (sigma + M_k . + . M_k^H). Since I itself exists only by virtue of D, R I/I is of the order
        (rate of rho)/(k^2 D) ~ V0^2, and not small in Fig. 2.
        """
        by_slope, by_charge = self._kernels(rho, retarded=True)
        D = self.meshes.derivative
        response = self.model.background(self.mesh.theta, self.mesh.theta_weight, rho).charge_response
        return D @ (by_slope @ D + by_charge @ response)

    @staticmethod
    def _drift(background: Background) -> Array:
        """(A - s) c, (N,), with s such that its sum vanishes."""
        flow: Array = background.flux_jacobian @ background.charge
        return flow - flow.sum() / background.charge.sum() * background.charge

    def _drift_response(self, rho: Array) -> Array:
        """d[(A - s) c]/d rho, (N, N), by central differences."""
        theta, weight = self.mesh.theta, self.mesh.theta_weight

        def drift(density: Array) -> Array:
            return self._drift(self.model.background(theta, weight, density))

        step = 1e-4 * float(rho.max())
        result = np.empty((theta.size, theta.size))
        for j in range(theta.size):
            up, down = rho.copy(), rho.copy()
            up[j] += step
            down[j] -= step
            result[:, j] = (drift(up) - drift(down)) / (2.0 * step)
        return result

    def _kernels(self, rho: Array, retarded: bool = False, beta: float = 0.0) -> tuple[Array, Array]:
        """By slope and by charge, (N, N) each, with the rule of the last integral checked. Collective.

        With beta the source is gamma_k/beta of `derivative` instead of V_k.
        """
        correlations = self._correlations_at(rho)
        if not self._rule.settled:
            self._integrate(rho)
        k, weights = self._rule.points()
        potential, own = self._fourier(k), slice(self.comm.rank, None, self.comm.size)
        source = potential
        if self.collective:
            chi = self.mesh.theta_weight * float(correlations.state.here.background.charge.sum())
            source = potential / (1.0 + beta * chi * potential)
        parts = correlations.kernels(k[own], potential[own], source[own], retarded)
        both = np.stack([np.tensordot(weights[own], part, axes=1) for part in parts]) / np.pi
        self.comm.Allreduce(MPI.IN_PLACE, both)
        return both[0], both[1]

    def _correlations_at(self, rho: Array) -> Correlations:
        """Decompositions at rho; the last ones are kept.

        Raises
        ------
        InputError
            For collective modes that nothing damps on a mesh: without contact interaction there is no diffusion.
        """
        if self._correlations is None or not np.array_equal(rho, self._correlations.state.here.rho):
            state = State.of(self.model, self.meshes, rho.copy())
            if self.collective and not self.memory and not state.here.background.diffusion.any():
                raise InputError(
                    "kinetic.kind = screened: nothing damps the modes of a gas without contact interaction; "
                    "allowed: landau, whose integral vanishes likewise"
                )
            self._correlations = Correlations(self.meshes, state, self.collective, not self.memory)
        self._correlations.time = self._time
        return self._correlations

    def _integrate(self, rho: Array) -> Integral:
        """int dk of (k V_k Im int dtheta' G_k, V_k Re int int G_k), (N + 1,). Collective."""
        correlations = self._correlations_at(rho)

        def integrand(k: Array) -> Array:
            values = np.zeros((k.size, rho.size + 1))
            own = slice(self.comm.rank, None, self.comm.size)
            potential = self._fourier(k)
            force, density = correlations.moments(k[own], potential[own])
            values[own, :-1] = force
            values[own, -1] = potential[own] * density
            self.comm.Allreduce(MPI.IN_PLACE, values)
            return values

        if self._checked is not None:
            then, before = self._checked
            near = self._time == then or abs(self._time - then) < RECHECK * self._time
            if near and np.abs(rho - before).max() < RECHECK * np.abs(rho).max():
                return self._rule.lean(integrand, self._error)
        integral = self._rule.integrate(integrand, self._floors(correlations.state))
        self._checked, self._error = (self._time, rho.copy()), max(integral.error, self.tolerance)
        return integral

    def _floors(self, state: State) -> tuple[float, float]:
        """Scales below which force and energy count as zero: 1e-9 of what they are without any cancellation."""
        here = state.here.background
        spread = float(here.velocity.max() - here.velocity.min())
        size = float(np.abs(state.here.slope).max() * here.charge.sum() * self.mesh.theta_weight) / spread
        force = float(np.abs(self._fourier(np.zeros(1))[0])) ** 2 * size / self.potential.range**2
        return 1e-9 * force, 1e-9 * force * spread

    def _fourier(self, k: Array) -> Array:
        """V_k, each computed once."""
        new = [q for q in k.tolist() if q not in self._transform]
        self._transform.update(zip(new, self.potential.fourier(np.array(new)).tolist(), strict=True))
        return np.array([self._transform[q] for q in k.tolist()])


@register("landau")
class Landau(PerWavenumber):
    """Eq. (10) as printed: either partner of a pair diffuses by itself."""

    equation = "kinetic equation (9) with the collision integral (10), arXiv:2408.00593"
    collective = False


@register("screened")
class Screened(PerWavenumber):
    """With the collective term of layer 2, the analogue of Balescu and Lenard."""

    equation = "kinetic equation (9), collision integral (10) with the collective term of (SA.3), arXiv:2408.00593"
    collective = True
