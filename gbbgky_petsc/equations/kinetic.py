"""The kinetic equation d rho/dt = I[rho], eq. (9), with what PETSc's time integrators ask of it."""

from typing import Any

import numpy as np
from mpi4py import MPI
from petsc4py import PETSc

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.collisions import CollisionOperator
from gbbgky_petsc.equations.measurement import Measurement
from gbbgky_petsc.fields import Fields, Whole

#: the unknown
RHO = "rho"


class KineticEquation:
    """d rho/dt = I[rho]; options of its solvers have the prefix ``kinetic_``.

    Presets: Rosenbrock-W method 2m (second order whatever the Jacobian, L-stable), error control on rho in the maximum
    norm, dense Jacobian with LU (one copy a rank) and GMRES to rounding.

    Parameters
    ----------
    collisions
        The collision integral; all methods are collective on its communicator.
    """

    prefix = "kinetic_"
    rho_tolerance = 2e-4
    conserves = True
    has_entries = True
    is_split = False

    def __init__(self, collisions: CollisionOperator) -> None:
        self.collisions, self.description = collisions, collisions.equation
        self.comm: MPI.Intracomm = collisions.comm
        self._ts: PETSc.TS | None = None
        self._start = 0.0
        mesh = collisions.mesh
        self.fields = Fields(mesh, PETSc.Comm(self.comm), [Whole(RHO, (mesh.theta_points,))])

    def initial_vector(self, rho: Array) -> PETSc.Vec:
        """A vector holding rho, (N,) on every rank."""
        vector = self.fields.create_vector()
        self.fields.store(vector.array_w, {RHO: rho})
        return vector

    def gather_rho(self, x: PETSc.Vec) -> Array:
        """rho, (N,) on every rank."""
        return self.fields.gather(x.array_r, RHO)

    def _at(self, ts: PETSc.TS | None, t: float) -> None:
        """Tell operators with memory the time."""
        self._ts = ts
        self.collisions.at(t)

    # --- callbacks of TS ---

    def rhs(self, ts: PETSc.TS | None, t: float, x: PETSc.Vec, f: PETSc.Vec) -> None:
        """f = d rho/dt."""
        self._at(ts, t)
        start, end = x.getOwnershipRange()
        f.array_w[:] = self.collisions.rate(self.gather_rho(x))[start:end]

    def explicit_rhs(self, ts: PETSc.TS, t: float, x: PETSc.Vec, f: PETSc.Vec) -> None:
        """f = 0: nothing is split off."""
        f.zeroEntries()

    def ifunction(self, ts: PETSc.TS, t: float, x: PETSc.Vec, xdot: PETSc.Vec, f: PETSc.Vec) -> None:
        """f = xdot - d rho/dt."""
        self.rhs(ts, t, x, f)
        f.aypx(-1.0, xdot)

    def create_jacobian(self, x: PETSc.Vec) -> PETSc.Mat:
        """A dense matrix in AIJ form, for any preconditioner."""
        sizes = x.getSizes()
        J = PETSc.Mat().createAIJ((sizes, sizes), nnz=(sizes[0], sizes[1] - sizes[0]), comm=x.comm)
        J.setUp()
        return J

    def ijacobian(
        self, ts: PETSc.TS, t: float, x: PETSc.Vec, xdot: PETSc.Vec, shift: float, J: PETSc.Mat, P: PETSc.Mat
    ) -> bool:
        """P = shift - dI/d rho."""
        self._at(ts, t)
        rho = self.gather_rho(x)
        matrix = shift * np.eye(rho.size) - self.collisions.derivative(rho)
        start, end = P.getOwnershipRange()
        P.setValues(np.arange(start, end, dtype=PETSc.IntType), np.arange(rho.size, dtype=PETSc.IntType),
                    matrix[start:end])  # fmt: skip
        P.assemble()
        if J.handle != P.handle:
            J.assemble()
        return True

    # --- presets ---

    def presets(self, x: PETSc.Vec, ts_type: str | None = None) -> dict[str, str]:
        """See the class."""
        return {
            "ts_type": "rosw",
            "ts_rosw_type": "2m",
            "ts_adapt_wnormtype": "infinity",
            "snes_rtol": "1e-6",
            "snes_stol": "1e-9",
            "ksp_type": "gmres",
            "ksp_rtol": "1e-12",
            "ksp_max_it": "100",
            "pc_type": "lu" if self.comm.size == 1 else "redundant",
        }

    def first_step(self, x: PETSc.Vec, start: float, end: float) -> float:
        """In which rho changes by a hundredth of its maximum, or memory a little; the whole run if nothing moves."""
        rho = self.gather_rho(x)
        self._start = start
        self.collisions.at(start)
        fastest = float(np.abs(self.collisions.rate(rho)).max())
        least = 0.1 * self.collisions.response_time
        return min(0.01 * float(rho.max()) / max(fastest, 1e-300), least, end - start)

    def tolerances(self, x: PETSc.Vec, rho_tolerance: float) -> PETSc.Vec:
        """See `gbbgky_petsc.equations.base.Equation`."""
        atol = x.duplicate()
        atol.set(rho_tolerance)
        return atol

    # --- observables ---

    def measure(self, x: PETSc.Vec) -> Measurement:
        """Observables; the interaction energy is that of the stationary correlations, slaved to rho."""
        rho, c = self.gather_rho(x), self.collisions
        c.at(self._start if self._ts is None else self._ts.getTime())
        collisions = c(rho)
        return Measurement(
            model=c.model,
            theta=c.mesh.theta,
            weight=c.mesh.theta_weight,
            rho=rho,
            interaction=collisions.interaction_energy,
            absorbed=0.0,
            rho_rate=collisions.rate,
            absorbed_rate=0.0,
            density_correlation=collisions.density_correlation,
        )

    def record(self, x: PETSc.Vec) -> dict[str, Any]:
        """Nothing: correlations are slaved to rho."""
        return {}

    def destroy(self) -> None:
        """Free PETSc objects."""
        self.fields.destroy()
