"""Stationary state of layer 2 with contact at frozen rho: one linear system over all (z, theta, theta')."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from petsc4py import PETSc

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.discrete.kronecker_sum import KroneckerSumInverse
from gbbgky_petsc.discrete.mesh import PhaseSpaceMesh
from gbbgky_petsc.errors import SolverError
from gbbgky_petsc.fields import ONE_BODY, PAIR, Fields, Rate, State, Wavenumbers
from gbbgky_petsc.lifetime import Owner
from gbbgky_petsc.physics import observables
from gbbgky_petsc.physics.models import IntegrableModel
from gbbgky_petsc.physics.potential import Potential
from gbbgky_petsc.terms import BOUNDARIES, TERMS, CorrelationForce, Forcing, Point, Setting, Term, Waves, total_symbol

#: options prefix of the linear solver
PREFIX = "kinetic_g_"


@dataclass(frozen=True)
class Stationary:
    """What rho sees of the stationary g: d rho/dt (N,), energy per unit length, int int g (Nz,), GMRES iterations."""

    rate: Array
    interaction_energy: float
    density_correlation: Array
    iterations: int


class MeshCorrelations(Owner):
    """Solves  (streaming + diffusion + collective + contact + boundary) g = - forcing  by GMRES, warm started.

    The operator is that of the hierarchy, the preconditioner its translation-invariant part with a small shift (the
    part itself is singular at k = 0).

    Parameters
    ----------
    model, potential, mesh, closure, comm
        As for the hierarchy.
    tolerance
        Residual relative to the forcing.
    terms
        Labels of the terms beside forcing and boundary.

    Options
    -------
    -kinetic_g_pc_shift : shift of the preconditioner, inverse time (default 0.5 v/xi)
    -kinetic_g_ksp_... : as usual
    """

    def __init__(
        self,
        model: IntegrableModel,
        potential: Potential,
        mesh: PhaseSpaceMesh,
        closure: str,
        comm: PETSc.Comm,
        tolerance: float,
        terms: Sequence[str] = ("streaming", "diffusion", "collective", "contact"),
    ) -> None:
        self._setting = setting = Setting(mesh, model, potential, closure)
        self._fields = fields = Fields(mesh, comm)
        kinds = [*(TERMS[name] for name in terms), BOUNDARIES[mesh.boundary]]
        self._terms = [kind(setting, fields) for kind in kinds]
        self._forcing, self._force = Forcing(setting, fields), CorrelationForce(setting, fields)
        self._work = fields.create_vector()
        self._solution = fields.slab().dm.createGlobalVec()
        self._source = self._solution.duplicate()
        sizes = self._solution.getSizes()
        self._matrix = PETSc.Mat().createPython((sizes, sizes), self, comm=comm)
        self._matrix.setUp()
        self._ksp = ksp = PETSc.KSP().create(comm)
        ksp.setOptionsPrefix(PREFIX)
        ksp.setOperators(self._matrix)
        ksp.setType(PETSc.KSP.Type.FGMRES)
        ksp.setTolerances(rtol=tolerance, max_it=2000)
        ksp.setGMRESRestart(100)
        ksp.setInitialGuessNonzero(True)
        pc = ksp.getPC()
        pc.setType(PETSc.PC.Type.PYTHON)
        self._inverse = _ShiftedInverse(setting, fields, self._terms)
        pc.setPythonContext(self._inverse)
        ksp.setFromOptions()

    def solve(self, rho: Array) -> Stationary:
        """Stationary correlations at rho, (N,) on every rank. Collective.

        Raises
        ------
        SolverError
            If GMRES does not converge.
        """
        setting = self._setting
        self._point = point = setting.at(rho)
        self._inverse.update(point)
        self._source.array_w[:] = self._apply([self._forcing], np.zeros(self._fields.slab().shape)).ravel()
        self._ksp.solve(self._source, self._solution)
        iterations = self._ksp.getIterationNumber()
        if self._ksp.getConvergedReason() < 0:
            raise SolverError(
                f"kinetic.kind = full: GMRES for the stationary correlations stopped after {iterations} iterations "
                f"with reason {self._ksp.getConvergedReason()} and residual {self._ksp.getResidualNorm():.2e}"
            )
        x = self._state(self.pair)
        correlation = setting.mesh.theta_weight * x.moments[0].sum(axis=1)
        return Stationary(self._force.rho_rate(point, x), setting.interaction_energy(x), correlation, iterations)

    @property
    def pair(self) -> Array:
        """(planes, N, N) of this rank: the stationary g found last."""
        return np.asarray(self._solution.array_r.reshape(self._fields.slab().shape))

    def _state(self, pair: Array) -> State:
        return State(self._fields, None, {ONE_BODY: np.append(self._point.rho, 0.0), PAIR: pair})

    def _apply(self, terms: list[Term], pair: Array) -> Array:
        """The sum of some terms at g = ``pair``, (planes, N, N). Collective."""
        rate = Rate(self._fields, self._work.array_w)
        x = self._state(pair)
        for term in terms:
            term.add(self._point, x, rate)
        return rate[PAIR]

    def mult(self, mat: PETSc.Mat, x: PETSc.Vec, y: PETSc.Vec) -> None:
        """y = - (all linear terms) x."""
        y.array_w[:] = -self._apply(self._terms, x.array_r.reshape(self._fields.slab().shape)).ravel()

    def release(self) -> None:
        for item in (self._ksp, self._matrix, self._solution, self._source, self._work):
            item.destroy()
        self._fields.destroy()


class _ShiftedInverse:
    """(shift + M_k . + . M_k^H)^-1 on the ring of the mesh, as a PETSc preconditioner of type python."""

    def __init__(self, setting: Setting, fields: Fields, terms: list[Term]) -> None:
        self._setting, self._terms = setting, terms
        self._shape = fields.slab().shape
        self._wavenumbers = Wavenumbers(fields)
        self._waves = Waves.of_mesh(setting, self._wavenumbers.k_range)
        self._rho: Array | None = None

    def setFromOptions(self, pc: PETSc.PC) -> None:
        self._shift = PETSc.Options(pc.getOptionsPrefix()).getReal("pc_shift", 0.0)

    def update(self, point: Point) -> None:
        """Decompose at a new rho, unless it has moved by less than 2 %."""
        rho, setting = point.rho, self._setting
        if self._rho is not None and np.abs(rho - self._rho).max() < 0.02 * np.abs(self._rho).max():
            return
        self._rho = rho.copy()
        self._inverse = KroneckerSumInverse.of(total_symbol(self._terms, point, self._waves))
        speed = observables.rms_speed(setting.model, setting.mesh.theta, rho)
        self._kernel = self._inverse.denominators(self._shift or 0.5 * speed / setting.potential.range)

    def apply(self, pc: PETSc.PC, x: PETSc.Vec, y: PETSc.Vec) -> None:
        spectrum = self._wavenumbers.forward(x.array_r.reshape(self._shape))
        for k in range(len(spectrum)):
            spectrum[k] = self._inverse.from_modes(k, self._kernel[k] * self._inverse.to_modes(k, spectrum[k]))
        y.array_w[:] = self._wavenumbers.backward(spectrum).ravel()
