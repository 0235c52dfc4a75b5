"""Time integration of the hierarchy with PETSc TS: presets and step control."""

import importlib

import numpy as np
from petsc4py import PETSc

from gbbgky_petsc.discrete.mesh import Array
from gbbgky_petsc.equations.hierarchy import Hierarchy, Jacobian, Measurement
from gbbgky_petsc.errors import InputError
from gbbgky_petsc.solvers.assembled import AssembledJacobian
from gbbgky_petsc.solvers.options import option_errors, preset
from gbbgky_petsc.solvers.stepping import EXPLICIT_TYPES, TimeLoop
from gbbgky_petsc.store.checkpoint import Position

#: short names of -pc_python_type; the first is the default
PRECONDITIONERS = {
    "lyapunov": "gbbgky_petsc.solvers.lyapunov.LyapunovPC",
    "normal_modes": "gbbgky_petsc.solvers.normal_modes.NormalModesPC",
}
#: error per step that is allowed in rho, relative to its maximum, unless -ts_atol is given
RHO_TOLERANCE = 5e-3
#: the same for g, relative to V c c / v^2: g carries phase mixing that no observable sees
PAIR_TOLERANCE = 0.3


#: largest step in units of xi/v: beyond it Krylov iterations grow faster than the step
LARGEST_STEP = 3.0


def preconditioner_class(name: str) -> str:
    """Dotted name of a preconditioner given by short or dotted name; `InputError` if there is no such class."""
    dotted = PRECONDITIONERS.get(name, name)
    module, _, cls = dotted.rpartition(".")
    try:
        getattr(importlib.import_module(module), cls)
    except (ImportError, AttributeError, ValueError) as error:
        allowed = ", ".join(PRECONDITIONERS)
        raise InputError(f"-pc_python_type {name}: unknown; allowed: {allowed}, or a dotted class name") from error
    return dotted


class Integrator(TimeLoop):
    """A TS over a hierarchy. Options carry no prefix: -ts_type, -ksp_rtol, -pc_type, ...

    Presets: Rosenbrock-W method 2m (second order whatever the Jacobian, L-stable), error control on rho in the
    maximum norm, steps of at most `LARGEST_STEP` correlation times, right-preconditioned GMRES, Lyapunov
    preconditioner. Own options:

    -ts_atol : absolute error per step allowed in rho (default 5e-3 of its maximum)
    -pc_python_type lyapunov | normal_modes : preconditioner (or the dotted name of another class)

    Construction and `run` are collective.
    """

    def __init__(self, hierarchy: Hierarchy) -> None:
        self.hierarchy = hierarchy
        self.state = hierarchy.initial_vector()
        options = PETSc.Options()
        self.type = options.getString("ts_type", "rosw")
        self.ts = ts = PETSc.TS().create(comm=self.state.comm)
        with option_errors():
            ts.setType(self.type)
        ts.setProblemType(PETSc.TS.ProblemType.NONLINEAR)
        ts.setTime(0.0)
        ts.setTimeStep(0.1)
        ts.setMaxSteps(10**9)
        ts.setExactFinalTime(PETSc.TS.ExactFinalTime.MATCHSTEP)
        preset(options, "ts_adapt_wnormtype", "infinity")
        self._set_functions()
        if self.type not in EXPLICIT_TYPES:
            self._set_solver(options)
        with option_errors():
            ts.setFromOptions()
        self.set_first_step(options)
        self._set_tolerances(options)

    def measure(self, x: PETSc.Vec) -> Measurement:
        return self.hierarchy.measure(x)

    def _set_functions(self) -> None:
        h = self.hierarchy
        if self.type in EXPLICIT_TYPES:
            self.ts.setRHSFunction(h.full_rhs, self.state.duplicate())
            return
        if h.explicit:
            self.ts.setRHSFunction(h.explicit_rhs, self.state.duplicate())
        self.ts.setIFunction(h.ifunction, self.state.duplicate())

    def _set_solver(self, options: PETSc.Options) -> None:
        h = self.hierarchy
        if self.type == "rosw":
            preset(options, "ts_rosw_type", "2m")
            preset(options, "ts_adapt_dt_max", f"{LARGEST_STEP * self._correlation_time():g}")
        self.jacobian = PETSc.Mat().createPython(
            (self.state.getSizes(), self.state.getSizes()), Jacobian(h), comm=self.state.comm
        )
        self.jacobian.setUp()
        preconditioner = self.jacobian
        chosen = options.getString("pc_type", "python")
        if chosen not in ("python", "none", "mat", "shell"):
            self.jacobian.getPythonContext().assembled = AssembledJacobian(h)
            preconditioner = self.jacobian.getPythonContext().assembled.create_matrix()
        self.ts.setIJacobian(h.ijacobian, self.jacobian, preconditioner)
        snes = self.ts.getSNES()
        snes.setTolerances(rtol=1e-5, stol=1e-7)
        ksp = snes.getKSP()
        ksp.setType(PETSc.KSP.Type.GMRES)
        ksp.setPCSide(PETSc.PC.Side.RIGHT)
        ksp.setTolerances(rtol=3e-2, max_it=300)
        preset(options, "ksp_gmres_restart", "60")
        pc = ksp.getPC()
        if chosen == "python":
            pc.setType(PETSc.PC.Type.PYTHON)
            name = preconditioner_class(options.getString("pc_python_type", "lyapunov"))
            pc.setPythonType(name)
            if options.hasName("pc_python_type"):
                options["pc_python_type"] = name  # PETSc reads it again

    def _mean_square_velocity(self) -> float:
        h = self.hierarchy
        return float((h.mesh.theta**2 * h.initial_rho).sum() / h.initial_rho.sum())

    def _correlation_time(self) -> float:
        """xi/v: the time in which correlations cross the range of the potential."""
        return self.hierarchy.potential.range / float(np.sqrt(self._mean_square_velocity()))

    def _set_tolerances(self, options: PETSc.Options) -> None:
        h = self.hierarchy
        rho = h.initial_rho
        correlation = (
            np.abs(h.setting.V).max() * np.abs(h.background(rho).charge).max() ** 2 / self._mean_square_velocity()
        )
        atol = self.state.duplicate()
        values = atol.array_w
        h.fields.pair(values)[:] = PAIR_TOLERANCE * max(correlation, 1e-30)
        one_body = np.full(h.mesh.theta_points + 1, options.getReal("ts_atol", RHO_TOLERANCE * rho.max()))
        one_body[-1] = np.finfo(float).max ** 0.25  # the ledger of absorbed energy does not steer the step
        h.fields.one_body(values)[:] = one_body[h.fields.one_body_range]
        self.ts.setTolerances(rtol=options.getReal("ts_rtol", 0.0), atol=atol)

    def position(self) -> Position:
        """Where the integration stands, between steps or in a monitor. Collective."""
        ts = self.ts
        frozen = self.jacobian.getPythonContext().preconditioner_rho if self.type not in EXPLICIT_TYPES else None
        step, longest = ts.getTimeStep(), self._longest_step
        if ts.getTime() >= self._stop * (1.0 - 1e-12):
            step = longest = max(step, longest)
        return Position(
            t=ts.getTime(),
            number=ts.getStepNumber(),
            step=step,
            longest_step=longest,
            arrays={
                "one_body": self.hierarchy.fields.gather_one_body(self.state.array_r),
                "preconditioner_rho": np.full(self.hierarchy.mesh.theta_points, np.nan)
                if frozen is None
                else frozen.copy(),
            },
        )

    def restore(self, position: Position, pair: Array) -> None:
        """Stand at a position with this rank's slab ``pair`` (planes, N, N) of g, before `run`.

        One-step methods then take the same steps as if they had never stopped; multistep ones start anew.
        """
        ts, fields = self.ts, self.hierarchy.fields
        values = self.state.array_w
        fields.one_body(values)[:] = position.arrays["one_body"][fields.one_body_range]
        fields.pair(values)[:] = pair
        ts.setTime(position.t)
        ts.setStepNumber(position.number)
        ts.setTimeStep(position.step)
        ts.restartStep()
        self._longest_step = position.longest_step
        frozen = position.arrays["preconditioner_rho"]
        if self.type not in EXPLICIT_TYPES and np.all(np.isfinite(frozen)):
            self.jacobian.getPythonContext().preconditioner_rho = frozen.copy()
