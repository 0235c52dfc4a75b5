"""Time integration of any equation with PETSc TS: the only loop over time of the differential equations."""

import importlib
import math
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from operator import attrgetter

import numpy as np
from petsc4py import PETSc

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.equations.base import Equation
from gbbgky_petsc.equations.measurement import Measurement
from gbbgky_petsc.errors import InputError, SolverError
from gbbgky_petsc.lifetime import Owner
from gbbgky_petsc.petsc_failures import describe, is_petsc_error, unwrapped

# preconditioners make themselves known
from gbbgky_petsc.solvers import lines, lyapunov, normal_modes, triples  # noqa: F401
from gbbgky_petsc.solvers.frozen import PRECONDITIONERS, FrozenPC
from gbbgky_petsc.solvers.options import ScopedOptions, Value, option_errors
from gbbgky_petsc.solvers.two_step import TwoStep

#: integrators without an implicit part: they take the whole right-hand side
EXPLICIT_TYPES = {"euler", "rk", "ssp", "glee"}
#: integrators that ask for what no equation here gives, or do not end where they are told to
UNUSABLE_TYPES = {
    "alpha2": "it is for equations of second order in time",
    "discgrad": "it needs the gradient of a Hamiltonian",
    "mimex": "it needs a DM that differentiates",
    "pseudo": "it looks for a steady state and steps beyond the end",
    "eimex": "it steps beyond the end",
}
#: nonlinear solvers that crash, or hang, for want of what they ask for
UNUSABLE_NONLINEAR = {
    **dict.fromkeys(("vinewtonrsls", "vinewtonssls"), "it is for inequalities"),
    **dict.fromkeys(("fas", "ms"), "it needs a hierarchy of meshes"),
    "patch": "it needs patches of a mesh",
}
_SYMMETRIC = "it is for symmetric matrices"
_TRANSPOSE = "it needs products with the transpose, which the Jacobian has not"
#: Krylov methods that cannot solve for a Jacobian without entries: it streams
UNUSABLE_SOLVERS = {
    **dict.fromkeys(
        ("cg", "groppcg", "pipecg", "pipecgrr", "pipelcg", "pipeprcg", "pipecg2", "fcg", "pipefcg"), _SYMMETRIC
    ),
    **dict.fromkeys(("nash", "stcg", "gltr", "qcg", "cr", "pipecr", "minres", "symmlq"), _SYMMETRIC),
    **dict.fromkeys(("bicg", "cgne", "lsqr", "cgls"), _TRANSPOSE),
    "chebyshev": "it asks for a real spectrum, that of streaming is complex",
}
#: -ts_type of our own multistep method
TWO_STEP = "two_step"
#: preconditioners that ask for no matrix
MATRIX_FREE = ("python", "none")


@dataclass(frozen=True)
class Progress:
    """What a monitor is told at the start (``step`` 0) and after each accepted step."""

    t: float
    step: float
    number: int
    measurement: Measurement


@dataclass(frozen=True)
class Position:
    """Where an integration stands, but for the state vector.

    Attributes
    ----------
    t, number
        Time and number of accepted steps.
    step, longest_step
        Step that comes next, and the one that the next stop may have cut short.
    preconditioner_rho : (N,) rho at which the preconditioner was built; None where none was
    """

    t: float
    number: int
    step: float
    longest_step: float
    preconditioner_rho: Array | None


def preconditioner_class(name: str) -> str:
    """Dotted name of a preconditioner given by short or dotted name; `InputError` if there is no such class."""
    dotted = PRECONDITIONERS.get(name, name)
    module, _, cls = dotted.rpartition(".")
    try:
        attrgetter(f"{cls}.apply")(importlib.import_module(module))
    except (ImportError, AttributeError, ValueError) as error:
        allowed = ", ".join(PRECONDITIONERS)
        raise InputError(
            f"-pc_python_type {name}: unknown; allowed: {allowed}, or the dotted name of a class with a method apply"
        ) from error
    return dotted


class Integrator(Owner):
    """A TS over an equation, from a state vector that it takes over.

    Options carry the equation's prefix; command line before ``options`` before the equation's presets. Own options:

    -ts_atol : absolute error per step allowed in rho (default: the equation's `rho_tolerance` of its maximum)
    -ts_type two_step : beside PETSc's integrators that of `gbbgky_petsc.solvers.two_step`
    -pc_python_type lyapunov | normal_modes | lines : preconditioner (or the dotted name of another class)

    Construction, `run`, `position` and `close` are collective. The equation is closed by whoever made it.

    Parameters
    ----------
    equation
        What is integrated.
    state
        Where from; destroyed with the integrator.
    start, end
        First time; the last one, of which the first step is never longer.
    options
        PETSc options by full name, such as a case's [petsc] table.

    Raises
    ------
    InputError
        For options that PETSc refuses.
    """

    def __init__(
        self,
        equation: Equation,
        state: PETSc.Vec,
        start: float = 0.0,
        end: float = math.inf,
        options: Mapping[str, Value] | None = None,
    ) -> None:
        self.equation, self.state = equation, state
        asked = ScopedOptions(equation.prefix, {}, options).get("ts_type")
        self.options = ScopedOptions(equation.prefix, equation.presets(state, asked), options)
        self.type = self.options.get("ts_type") or "rosw"
        self._refuse("ts_type", UNUSABLE_TYPES, "two_step, rosw, bdf, arkimex, ...")
        if self.is_implicit:
            self._refuse("snes_type", UNUSABLE_NONLINEAR, "newtonls, ksponly, ...")
        if self.is_implicit and not equation.has_entries:
            self._refuse("ksp_type", UNUSABLE_SOLVERS, "gmres, fgmres, bcgs, tfqmr, ...")
        self._mats: list[PETSc.Mat] = []
        self._vecs: list[PETSc.Vec] = []
        self._longest_step, self._stop = 0.0, math.inf
        self.ts = ts = PETSc.TS().create(comm=state.comm)
        ts.setOptionsPrefix(equation.prefix)
        with option_errors():
            ts.setType("python" if self.type == TWO_STEP else self.type)
        ts.setProblemType(PETSc.TS.ProblemType.NONLINEAR)
        ts.setTime(start)
        ts.setMaxSteps(10**9)
        ts.setExactFinalTime(PETSc.TS.ExactFinalTime.MATCHSTEP)
        self._set_functions()
        with self._scope(), option_errors():
            ts.setFromOptions()
        self._set_steps(start, end)

    def _refuse(self, name: str, reasons: Mapping[str, str], allowed: str) -> None:
        """`InputError` where an option has a value that cannot work."""
        value = self.options.get(name)
        if value is not None and value in reasons:
            raise InputError(f"-{self.equation.prefix}{name} {value}: {reasons[value]}; allowed: {allowed}")

    @property
    def is_implicit(self) -> bool:
        """Whether steps solve systems of equations."""
        return self.type not in EXPLICIT_TYPES

    @property
    def preconditioner(self) -> FrozenPC | None:
        """Our preconditioner, if it is one of ours."""
        if not self.is_implicit:
            return None
        pc = self.ts.getSNES().getKSP().getPC()
        context = pc.getPythonContext() if pc.getType() == PETSc.PC.Type.PYTHON else None
        return context if isinstance(context, FrozenPC) else None

    @property
    def multistep(self) -> TwoStep | None:
        """Our multistep method, if it is the integrator."""
        context = self.ts.getPythonContext() if self.ts.getType() == "python" else None
        return context if isinstance(context, TwoStep) else None

    @property
    def krylov_iterations(self) -> int:
        """Of all linear systems so far."""
        return int(self.ts.getKSPIterations()) if self.multistep is None else self.multistep.iterations

    def _scope(self) -> AbstractContextManager[None]:
        """All options are in the database, python types by their dotted names."""
        method = {"ts_type": "python", "ts_python_type": TwoStep.name} if self.type == TWO_STEP else {}
        return self.options.inserted(**method, **self._preconditioner())

    def _preconditioner(self) -> dict[str, str]:
        """Options by which PETSc finds the preconditioner that was asked for."""
        name, kind = self.options.get("pc_python_type"), self.options.get("pc_type")
        if kind == "python" and name is not None:
            return {"pc_python_type": preconditioner_class(name)}
        if kind is None or kind in MATRIX_FREE or self.equation.has_entries:
            return {}
        normal_modes.check_serves(self.equation.prefix, kind)
        stand_in = preconditioner_class(normal_modes.NormalModesPC.name)
        return {"pc_type": "python", "pc_python_type": stand_in, normal_modes.INNER: kind}

    def _set_functions(self) -> None:
        equation, ts = self.equation, self.ts
        if not self.is_implicit:
            ts.setRHSFunction(equation.rhs, self._work())
            return
        if equation.is_split:
            ts.setRHSFunction(equation.explicit_rhs, self._work())
        ts.setIFunction(equation.ifunction, self._work())
        J = equation.create_jacobian(self.state)
        self._mats = [J]
        ts.setIJacobian(equation.ijacobian, J, J)

    def _work(self) -> PETSc.Vec:
        vec = self.state.duplicate()
        self._vecs.append(vec)
        return vec

    def _set_steps(self, start: float, end: float) -> None:
        options, equation = self.options, self.equation
        step = equation.first_step(self.state, start, end)
        for name in ("ts_dt", "ts_time_step"):  # the old name and the one since 3.25 work with any PETSc
            step = options.number(name) or step
        self.ts.setTimeStep(step)
        largest = float(np.abs(equation.gather_rho(self.state)).max())
        allowed = options.number("ts_atol")
        tolerance = equation.rho_tolerance * largest if allowed is None else allowed
        atol = equation.tolerances(self.state, tolerance)
        self._vecs.append(atol)
        self.ts.setTolerances(rtol=options.number("ts_rtol") or 0.0, atol=atol)

    def list_options(self) -> None:
        """Create what reads options only when it is set up, so that -help lists them. Collective."""
        if self.is_implicit:
            with self._scope():
                self.ts.getSNES().setUp()

    def run(
        self,
        end: float,
        stops: Iterable[float],
        monitor: Callable[[Progress], None],
        alive: Callable[[], None] | None = None,
    ) -> None:
        """Integrate to ``end``, hitting each of ``stops`` exactly, and report the start and every accepted step.

        ``alive`` is called after every Krylov iteration, steps may be long: on all ranks or none, since solvers compute
        norms for monitors that they would not need.

        Raises
        ------
        SolverError
            If TS, SNES or KSP give up.
        """
        ts, equation = self.ts, self.equation
        start, reported = ts.getTime(), -math.inf

        def report(ts: PETSc.TS, number: int, t: float, x: PETSc.Vec) -> None:
            nonlocal reported
            if t <= reported:
                return  # PETSc calls monitors once more where one segment ends and the next begins
            step, reported = t - max(reported, start), t
            monitor(Progress(t, step, number, equation.measure(x)))

        ts.setMonitor(report)
        if alive is not None and self.is_implicit:
            ts.getSNES().getKSP().setMonitor(lambda ksp, number, norm: alive())
        step = ts.getTimeStep()
        self._longest_step = self._longest_step or step
        try:
            with self._scope():
                for stop in [*sorted({s for s in stops if start * (1.0 + 1e-12) < s < end}), end]:
                    if not self._run_to(stop, step):
                        break  # -ts_max_steps or -ts_max_time ended it
                    # the last steps before a stop are cut short
                    step = self._longest_step = max(ts.getTimeStep(), self._longest_step)
        finally:
            ts.monitorCancel()

    def _run_to(self, stop: float, step: float) -> bool:
        """Integrate to ``stop`` with a first step of at most ``step``; whether it was reached."""
        ts = self.ts
        self._stop = stop
        ts.setTimeStep(min(step, stop - ts.getTime()))
        ts.setMaxTime(stop)
        try:
            ts.solve(self.state)
        except PETSc.Error as error:
            inner = unwrapped(error)
            if not is_petsc_error(inner):
                raise inner from error
            raise SolverError(self._failure(describe(inner, self.options.resolved()))) from error
        if ts.getConvergedReason() < 0:
            raise SolverError(self._failure(f"reason {ts.getConvergedReason()}"))
        return bool(ts.getTime() >= stop * (1.0 - 1e-12))

    def _failure(self, reason: str) -> str:
        ts = self.ts
        return f"time integration stopped at t = {ts.getTime():g} with step {ts.getTimeStep():.3g}: {reason}"

    def should_move(self) -> bool:
        """Whether the state has a rate of change. Collective."""
        rate = self.state.duplicate()
        self.equation.rhs(None, self.ts.getTime(), self.state, rate)
        size = rate.norm(PETSc.NormType.INFINITY)
        rate.destroy()
        return bool(size > 0.0)

    def position(self) -> Position:
        """Where the integration stands, between steps or in a monitor."""
        ts, pc = self.ts, self.preconditioner
        step, longest = ts.getTimeStep(), self._longest_step
        if ts.getTime() >= self._stop * (1.0 - 1e-12):
            step = longest = max(step, longest)
        frozen = None if pc is None or pc.rho is None else pc.rho.copy()
        return Position(ts.getTime(), ts.getStepNumber(), step, longest, frozen)

    def restore(self, position: Position) -> None:
        """Stand at a position, before `run`; the state vector is the caller's to set.

        One-step methods then take the same steps as if they had never stopped, and so does `multistep` once its past is
        set; PETSc's multistep ones start anew.
        """
        ts, pc = self.ts, self.preconditioner
        ts.setTime(position.t)
        ts.setStepNumber(position.number)
        ts.setTimeStep(position.step)
        ts.restartStep()
        self._longest_step = position.longest_step
        if pc is not None and position.preconditioner_rho is not None:
            pc.start_from(position.preconditioner_rho)

    def release(self) -> None:
        self.ts.destroy()
        for item in (*self._mats, *self._vecs, self.state):
            item.destroy()
