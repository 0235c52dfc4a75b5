"""Time integration of the flow with PETSc TS: explicit, at a share of the step beyond which it would be unstable."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack

import numpy as np
from numpy.typing import NDArray
from petsc4py import PETSc

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.errors import InputError, SolverError
from gbbgky_petsc.flow.equation import FlowEquation
from gbbgky_petsc.flow.stencils import FlowStencil
from gbbgky_petsc.lifetime import Owner
from gbbgky_petsc.solvers.integrator import EXPLICIT_TYPES
from gbbgky_petsc.solvers.options import ScopedOptions, Value, option_errors

#: share of the largest stable step that is taken
SAFETY = 0.9
#: growth per step that still counts as stable: rounding
_GROWTH = 1.0 + 1e-9


def new_ts(options: ScopedOptions, comm: PETSc.Comm) -> PETSc.TS:
    """A TS that has taken its options; `InputError` for those that PETSc refuses."""
    ts = PETSc.TS().create(comm=comm)
    ts.setOptionsPrefix(options.prefix)
    ts.setProblemType(PETSc.TS.ProblemType.NONLINEAR)
    ts.setMaxSteps(10**9)
    ts.setExactFinalTime(PETSc.TS.ExactFinalTime.MATCHSTEP)
    with options.inserted(), option_errors():
        ts.setFromOptions()
    return ts


def stable_steps(options: ScopedOptions, stencil: FlowStencil) -> tuple[float, float]:
    """Largest stable steps of the chosen method, found by letting it step oscillators with the stencil's eigenvalues.

    Returns
    -------
    transport
        In units of 1/(|v|/dx + |F|/dtheta): the eigenvalues are mixtures of the symbols of both directions.
    diffusion
        In units of dx^2/D.
    """
    phase = np.linspace(0.0, np.pi, 25)
    one = stencil.symbol(phase)
    share = np.linspace(0.0, 1.0, 5)[:, None, None]
    transport = (share * one[:, None] + (1.0 - share) * np.concatenate([one, one.conj()])).ravel()
    diffusion = -(FlowStencil(stencil.order, 0.0).symbol(phase).imag ** 2) + 0.0j
    return _largest_step(options, transport), _largest_step(options, diffusion)


def _largest_step(options: ScopedOptions, eigenvalues: NDArray[np.complex128]) -> float:
    """Largest h for which a step of y' = lambda y does not grow for any eigenvalue."""
    ts = new_ts(options, PETSc.COMM_SELF)
    y = PETSc.Vec().createSeq(2 * eigenvalues.size)

    def rhs(ts: PETSc.TS, t: float, x: PETSc.Vec, f: PETSc.Vec) -> None:
        f.array_w.view(complex)[:] = eigenvalues * x.array_r.view(complex)

    ts.setRHSFunction(rhs, y.duplicate())

    def growth(step: float) -> float:
        y.array_w.view(complex)[:] = 1.0
        ts.setTime(0.0)
        ts.setStepNumber(0)
        ts.setTimeStep(step)
        ts.setMaxTime(step)
        ts.solve(y)
        return float(np.abs(y.array_r.view(complex)).max())

    low, high = 0.0, 0.05
    while growth(high) <= _GROWTH and high < 100.0:
        low, high = high, 2.0 * high
    for _ in range(20):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if growth(middle) <= _GROWTH else (low, middle)
    ts.destroy()
    y.destroy()
    return low


class FlowIntegrator(Owner):
    """A TS over a flow equation, options prefix ``flow_``.

    Presets: the classical Runge-Kutta method of fourth order at 0.9 of its largest stable step, which is measured for
    the method and adapted to the velocities as they change. Methods with error control (``-flow_ts_adapt_type basic``)
    choose their own. Implicit types are refused: nothing here is stiff.

    -flow_ts_time_step, -flow_ts_dt : a fixed step instead

    Construction, `advance` and `close` are collective.

    Parameters
    ----------
    equation, rho, start
        What is integrated, from where, (Nx, N) on every rank, and when.
    options
        PETSc options by full name, such as a case's [petsc] table.

    Raises
    ------
    InputError
        For an implicit type, one that is unstable at any step, or a step beyond stability.
    """

    def __init__(
        self, equation: FlowEquation, rho: Array, start: float, options: Mapping[str, Value] | None = None
    ) -> None:
        self._owned = ExitStack()
        self.equation = equation
        self.state = equation.create_vector(rho)
        self._work = self.state.duplicate()
        for vector in (self.state, self._work):
            self._owned.callback(vector.destroy)
        self.options = own = ScopedOptions(equation.prefix, equation.presets, options)
        kind = own.get("ts_type") or ""
        if kind not in EXPLICIT_TYPES:
            raise InputError(f"-flow_ts_type {kind}: is implicit; allowed: {', '.join(sorted(EXPLICIT_TYPES))}")
        self.ts = new_ts(own, self.state.comm)
        self._owned.callback(self.ts.destroy)
        self.ts.setRHSFunction(equation.rhs, self._work)
        self.ts.setTime(start)
        self._fixed = own.number("ts_dt") or own.number("ts_time_step")
        self.controlled = own.get("ts_adapt_type") != "none"
        self._limits = (np.inf, np.inf)
        if not self.controlled:
            self._limits = stable_steps(own, equation.problem.stencil)
            if self._limits[0] < 0.05:
                raise InputError(
                    f"-flow_ts_type {kind}: is unstable for transport at any step; allowed: rk of order 3 or more, ssp"
                )
        self._stop, self._fresh = start, True
        self._watch: Callable[[float, float], None] | None = None
        self.steps = 0
        self.ts.setPreStep(self._choose_step)
        largest = self.largest_step()
        if self._fixed is not None and not self.controlled and self._fixed > largest:
            raise InputError(
                f"-flow_ts_dt {self._fixed:g}: unstable; allowed: up to {largest:.4g} for this method, mesh and state"
            )
        self.ts.setTimeStep(self._fixed or (SAFETY * largest if np.isfinite(largest) else 1e-3))

    def largest_step(self, anew: bool = True) -> float:
        """Largest stable step at the present state, or that of the last evaluation; infinite under error control."""
        if anew:
            self.equation.rhs(None, self.ts.getTime(), self.state, self._work)
        transport, diffusion = self.equation.rates()
        inverse = transport / self._limits[0] + diffusion / self._limits[1]
        return 1.0 / inverse if inverse > 0.0 else np.inf

    def _choose_step(self, ts: PETSc.TS) -> None:
        t = ts.getTime()
        self.steps += 1
        if self._watch is not None:
            self._watch(t, ts.getTimeStep())
        if self.controlled:
            return
        largest, left = self.largest_step(self._fresh), self._stop - t
        self._fresh = False
        step = SAFETY * largest if self._fixed is None else self._fixed
        if step > largest:
            raise SolverError(
                f"flow: the fixed step {step:g} became unstable at t = {t:g}; the largest stable one is {largest:.4g}"
            )
        number = max(1, int(np.ceil(left / step - 1e-9)))
        ts.setTimeStep(left / number if self._fixed is None else min(step, left))

    def advance(self, stop: float, watch: Callable[[float, float], None] | None = None) -> None:
        """Integrate to ``stop`` exactly; ``watch`` is told time and step before every step.

        Raises
        ------
        SolverError
            If TS gives up or rho is no longer finite.
        """
        ts = self.ts
        if stop <= ts.getTime():
            return
        self._stop, self._watch, self._fresh = stop, watch, True
        ts.setMaxTime(stop)
        step = ts.getTimeStep()
        ts.setTimeStep(min(step, stop - ts.getTime()))
        try:
            ts.solve(self.state)
        except PETSc.Error as error:
            raise error.__cause__ or SolverError(f"flow: {' '.join(str(error).split())[-250:]}") from error
        if ts.getConvergedReason() < 0 or ts.getTime() < stop * (1.0 - 1e-12):
            raise SolverError(
                f"flow: time integration stopped at t = {ts.getTime():g}, reason {ts.getConvergedReason()}"
            )
        if self.controlled:
            ts.setTimeStep(max(step, ts.getTimeStep()))
        if not np.isfinite(self.state.norm()):
            raise SolverError(f"flow: rho is no longer finite at t = {ts.getTime():g}; allowed: a smaller step")

    def release(self) -> None:
        self._owned.close()
