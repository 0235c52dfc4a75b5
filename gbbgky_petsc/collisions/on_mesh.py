"""Stationary state of layer 2 with contact at frozen rho: one linear system over all (z, theta, theta')."""

from dataclasses import dataclass

import numpy as np
from petsc4py import PETSc

from gbbgky_petsc.discrete.mesh import Array, PhaseSpaceMesh
from gbbgky_petsc.equations.hierarchy import Hierarchy
from gbbgky_petsc.errors import SolverError
from gbbgky_petsc.fields import Wavenumbers
from gbbgky_petsc.physics.models import Background, IntegrableModel
from gbbgky_petsc.physics.potential import Potential
from gbbgky_petsc.solvers.lyapunov import KroneckerSumInverse, OneBodyStreaming

#: options prefix of the linear solver
PREFIX = "kinetic_g_"


@dataclass(frozen=True)
class Stationary:
    """What rho sees of the stationary g: d rho/dt (N,), energy per unit length, int int g (Nz,), GMRES iterations."""

    rate: Array
    interaction_energy: float
    density_correlation: Array
    iterations: int


class MeshCorrelations:
    """Solves  (streaming + diffusion + collective + contact + boundary) g = - forcing  by GMRES, warm started.

    The operator is that of `gbbgky_petsc.equations.hierarchy.Hierarchy`, the preconditioner its translation-invariant
    part with a small shift (the part itself is singular at k = 0).

    Parameters
    ----------
    model, potential, mesh, closure, comm
        As for the hierarchy.
    tolerance
        Residual relative to the forcing.
    order
        Truncation of layer 2.

    Options
    -------
    -kinetic_g_pc_shift : shift of the preconditioner, inverse time (default 0.5 v/xi)
    -kinetic_g_ksp_... : as usual
    """

    def __init__(
        self, model: IntegrableModel, potential: Potential, mesh: PhaseSpaceMesh, closure: str, comm: PETSc.Comm,
        tolerance: float, order: str = "full",
    ) -> None:  # fmt: skip
        self._hierarchy = h = Hierarchy(mesh, model, potential, np.zeros(mesh.theta_points), order, closure, (), comm)
        self._names = h.all_terms - {"forcing"}
        self._solution = h.fields.pair_dm.createGlobalVec()
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
        self._inverse = _ShiftedInverse(h)
        pc.setPythonContext(self._inverse)
        ksp.setFromOptions()

    def solve(self, rho: Array) -> Stationary:
        """Stationary correlations at rho, (N,) on every rank. Collective.

        Raises
        ------
        SolverError
            If GMRES does not converge.
        """
        h = self._hierarchy
        self._background = background = h.background(rho.copy())
        self._inverse.update(background)
        forcing = np.zeros(h.fields.pair_shape)
        h.forcing.update(background)
        h.forcing.add(forcing)
        self._source.array_w[:] = forcing.ravel()
        self._ksp.solve(self._source, self._solution)
        iterations = self._ksp.getIterationNumber()
        if self._ksp.getConvergedReason() < 0:
            raise SolverError(
                f"kinetic.kind = full: GMRES for the stationary correlations stopped after {iterations} iterations "
                f"with reason {self._ksp.getConvergedReason()} and residual {self._ksp.getResidualNorm():.2e}"
            )
        field = h.pair_field(self.pair)
        correlation = h.mesh.theta_weight * field.moments[0].sum(axis=1)
        return Stationary(h.one_body.rate(field), h.one_body.interaction_energy(field), correlation, iterations)

    @property
    def pair(self) -> Array:
        """(planes, N, N) of this rank: the stationary g found last."""
        return np.asarray(self._solution.array_r.reshape(self._hierarchy.fields.pair_shape))

    def mult(self, mat: PETSc.Mat, x: PETSc.Vec, y: PETSc.Vec) -> None:
        """y = - (all linear terms) x."""
        h = self._hierarchy
        out = np.zeros(h.fields.pair_shape)
        h.add_linear(self._background, h.pair_field(x.array_r.reshape(h.fields.pair_shape)), out, self._names)
        y.array_w[:] = -out.ravel()

    def destroy(self) -> None:
        """Free PETSc objects. Collective."""
        for item in (self._ksp, self._matrix, self._solution, self._source):
            item.destroy()


class _ShiftedInverse:
    """(shift + M_k . + . M_k^H)^-1 on the ring of the mesh, as a PETSc preconditioner of type python."""

    def __init__(self, hierarchy: Hierarchy) -> None:
        self._h = hierarchy
        self._wavenumbers = Wavenumbers(hierarchy.fields)
        self._streaming = OneBodyStreaming(hierarchy.setting, self._wavenumbers.k_range, hierarchy.has("collective"))
        self._rho: Array | None = None

    def setFromOptions(self, pc: PETSc.PC) -> None:
        self._shift = PETSc.Options(pc.getOptionsPrefix()).getReal("pc_shift", 0.0)

    def update(self, background: Background) -> None:
        """Decompose at a new rho, unless it has moved by less than 2 %."""
        if self._rho is not None and np.abs(background.rho - self._rho).max() < 0.02 * np.abs(self._rho).max():
            return
        self._rho = background.rho.copy()
        h, mesh = self._h, self._h.mesh
        self._inverse = KroneckerSumInverse.of(self._streaming.at(background))
        speed = np.sqrt(float((mesh.theta**2 * background.rho).sum() / background.rho.sum()))
        self._kernel = self._inverse.denominators(self._shift or 0.5 * speed / h.potential.range)

    def apply(self, pc: PETSc.PC, x: PETSc.Vec, y: PETSc.Vec) -> None:
        spectrum = self._wavenumbers.forward(x.array_r.reshape(self._h.fields.pair_shape))
        for k in range(len(spectrum)):
            spectrum[k] = self._inverse.from_modes(k, self._kernel[k] * self._inverse.to_modes(k, spectrum[k]))
        y.array_w[:] = self._wavenumbers.backward(spectrum).ravel()
