"""Time integration of the kinetic equation d rho/dt = I[rho] with PETSc TS."""

import numpy as np
from petsc4py import PETSc

from gbbgky_petsc.collisions.operator import CollisionOperator
from gbbgky_petsc.discrete.mesh import Array
from gbbgky_petsc.equations.hierarchy import Measurement
from gbbgky_petsc.errors import SolverError
from gbbgky_petsc.physics import observables
from gbbgky_petsc.solvers.options import option_errors, preset
from gbbgky_petsc.solvers.stepping import EXPLICIT_TYPES, TimeLoop

PREFIX = "kinetic_"
#: error per step that is allowed in rho, relative to its maximum, unless -kinetic_ts_atol is given
RHO_TOLERANCE = 2e-4


class KineticEquation:
    """d rho/dt = I[rho] with what TS asks of it.

    Parameters
    ----------
    collisions
        The collision integral; all methods are collective on its communicator.
    """

    def __init__(self, collisions: CollisionOperator) -> None:
        self.collisions = collisions

    def create_vector(self, rho: Array) -> PETSc.Vec:
        """A vector holding rho, (N,) on every rank."""
        vector = PETSc.Vec().createMPI(rho.size, comm=self.collisions.comm)
        start, end = vector.getOwnershipRange()
        vector.array_w[:] = rho[start:end]
        return vector

    def gather(self, x: PETSc.Vec) -> Array:
        """rho, (N,) on every rank."""
        return np.concatenate(self.collisions.comm.allgather(x.array_r))

    def rhs(self, ts: PETSc.TS, t: float, x: PETSc.Vec, f: PETSc.Vec) -> None:
        """f = d rho/dt, for explicit integrators."""
        start, end = x.getOwnershipRange()
        f.array_w[:] = self.collisions(self.gather(x)).rate[start:end]

    def ifunction(self, ts: PETSc.TS, t: float, x: PETSc.Vec, xdot: PETSc.Vec, f: PETSc.Vec) -> None:
        """f = xdot - d rho/dt."""
        self.rhs(ts, t, x, f)
        f.aypx(-1.0, xdot)

    def ijacobian(
        self, ts: PETSc.TS, t: float, x: PETSc.Vec, xdot: PETSc.Vec, shift: float, J: PETSc.Mat, P: PETSc.Mat
    ) -> bool:
        """P = shift - dI/d rho."""
        rho = self.gather(x)
        matrix = shift * np.eye(rho.size) - self.collisions.derivative(rho)
        start, end = P.getOwnershipRange()
        P.setValues(np.arange(start, end, dtype=PETSc.IntType), np.arange(rho.size, dtype=PETSc.IntType),
                    matrix[start:end])  # fmt: skip
        P.assemble()
        if J.handle != P.handle:
            J.assemble()
        return True

    def measure(self, x: PETSc.Vec) -> Measurement:
        """Observables; the interaction energy is that of the stationary correlations, slaved to rho."""
        rho, c = self.gather(x), self.collisions
        mesh = c.mesh
        collisions = c(rho)
        return Measurement(
            density=mesh.theta_weight * float(rho.sum()),
            momentum=observables.momentum(mesh.theta, rho),
            kurtosis=observables.kurtosis(mesh.theta, rho),
            kinetic_energy=observables.kinetic_energy(c.model, mesh.theta, rho),
            interaction_energy=collisions.interaction_energy,
            absorbed_energy=0.0,
            rho=rho,
            rho_rate=collisions.rate,
            absorbed_rate=0.0,
            density_correlation=collisions.density_correlation,
        )


class KineticIntegrator(TimeLoop):
    """A TS over the kinetic equation, options prefix ``kinetic_``.

    Presets: Rosenbrock-W method 2m (second order whatever the Jacobian, L-stable), error control on rho in the maximum
    norm, dense Jacobian with LU (one copy a rank) and GMRES to rounding. Own options:

    -kinetic_ts_atol : absolute error per step allowed in rho (default 2e-4 of its maximum)

    Construction and `run` are collective.

    Parameters
    ----------
    equation, rho
        What is integrated and from where, (N,) on every rank.
    start, end
        First time, and the last one where nothing moves.
    """

    def __init__(self, equation: KineticEquation, rho: Array, start: float, end: float) -> None:
        self.equation = equation
        self.state = equation.create_vector(rho)
        options = PETSc.Options(PREFIX)
        self.type = options.getString("ts_type", "rosw")
        self.ts = ts = PETSc.TS().create(comm=self.state.comm)
        ts.setOptionsPrefix(PREFIX)
        ts.setType(self.type)
        ts.setProblemType(PETSc.TS.ProblemType.NONLINEAR)
        ts.setTime(start)
        fastest = float(np.abs(equation.collisions(rho).rate).max())
        ts.setTimeStep(min(0.01 * float(rho.max()) / max(fastest, 1e-300), end - start))
        ts.setMaxSteps(10**9)
        ts.setExactFinalTime(PETSc.TS.ExactFinalTime.MATCHSTEP)
        preset(options, "ts_adapt_wnormtype", "infinity")
        if self.type in EXPLICIT_TYPES:
            ts.setRHSFunction(equation.rhs, self.state.duplicate())
        else:
            self._set_solver(options)
        with option_errors():
            ts.setFromOptions()
        self.set_first_step(options)
        atol = self.state.duplicate()
        atol.set(options.getReal("ts_atol", RHO_TOLERANCE * float(rho.max())))
        ts.setTolerances(rtol=options.getReal("ts_rtol", 0.0), atol=atol)

    def _set_solver(self, options: PETSc.Options) -> None:
        if self.type == "rosw":
            preset(options, "ts_rosw_type", "2m")
        sizes = self.state.getSizes()
        comm = self.state.comm
        self.jacobian = PETSc.Mat().createAIJ((sizes, sizes), nnz=(sizes[0], sizes[1] - sizes[0]), comm=comm)
        self.jacobian.setUp()
        self.ts.setIFunction(self.equation.ifunction, self.state.duplicate())
        self.ts.setIJacobian(self.equation.ijacobian, self.jacobian, self.jacobian)
        snes = self.ts.getSNES()
        snes.setTolerances(rtol=1e-6, stol=1e-9)
        ksp = snes.getKSP()
        ksp.setType(PETSc.KSP.Type.GMRES)
        ksp.setTolerances(rtol=1e-12, max_it=100)
        ksp.getPC().setType(PETSc.PC.Type.LU if comm.getSize() == 1 else PETSc.PC.Type.REDUNDANT)

    def measure(self, x: PETSc.Vec) -> Measurement:
        return self.equation.measure(x)


def check_converged(integrator: KineticIntegrator, end: float) -> bool:
    """Whether the run reached ``end``.

    Raises
    ------
    SolverError
        If rho stopped being a density.
    """
    rho = integrator.equation.gather(integrator.state)
    if not np.all(np.isfinite(rho)) or rho.min() < -0.05 * rho.max():
        raise SolverError(f"kinetic equation: rho reaches {rho.min():.2g} at t = {integrator.ts.getTime():g}")
    return bool(integrator.ts.getTime() >= end * (1.0 - 1e-9))
