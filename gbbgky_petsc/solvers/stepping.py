"""What every time integration with PETSc TS shares: the only loop over time of the differential equations."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from petsc4py import PETSc

from gbbgky_petsc.equations.hierarchy import Measurement
from gbbgky_petsc.errors import SolverError

#: integrators without an implicit part: they take the whole right-hand side
EXPLICIT_TYPES = {"euler", "rk", "ssp", "glee"}


@dataclass
class Progress:
    """What a monitor is told at the start (``step`` 0) and after each accepted step."""

    t: float
    step: float
    number: int
    measurement: Measurement


class TimeLoop(ABC):
    """A TS with its state. Subclasses set ``ts``, ``state``, ``type``, and ``jacobian`` unless the type is explicit."""

    ts: PETSc.TS
    state: PETSc.Vec
    type: str
    jacobian: PETSc.Mat
    _longest_step = 0.0  # that a stop may have cut short
    _stop = math.inf

    @abstractmethod
    def measure(self, x: PETSc.Vec) -> Measurement:
        """Observables of a state vector. Collective."""

    def set_first_step(self, options: PETSc.Options) -> None:
        """Take the first step from the options: its old name and the one since 3.25 work with any PETSc."""
        for name in ("ts_dt", "ts_time_step"):
            if options.hasName(name):
                self.ts.setTimeStep(options.getReal(name))

    def run(self, end: float, stops: Iterable[float], monitor: Callable[[Progress], None]) -> None:
        """Integrate to ``end``, hitting each of ``stops`` exactly, and report the start and every accepted step.

        Raises
        ------
        SolverError
            If TS, SNES or KSP give up.
        """
        ts = self.ts
        start, reported = ts.getTime(), -math.inf

        def report(ts: PETSc.TS, number: int, t: float, x: PETSc.Vec) -> None:
            nonlocal reported
            if t <= reported:
                return  # PETSc calls monitors once more where one segment ends and the next begins
            step, reported = t - max(reported, start), t
            monitor(Progress(t, step, number, self.measure(x)))

        ts.setMonitor(report)
        step = ts.getTimeStep()
        self._longest_step = self._longest_step or step
        for stop in [*sorted({s for s in stops if start * (1.0 + 1e-12) < s < end}), end]:
            self._stop = stop
            ts.setTimeStep(min(step, stop - ts.getTime()))
            ts.setMaxTime(stop)
            try:
                ts.solve(self.state)
            except PETSc.Error as error:
                raise error.__cause__ or SolverError(self._failure(str(error))) from error
            if ts.getConvergedReason() < 0:
                raise SolverError(self._failure(f"reason {ts.getConvergedReason()}"))
            if ts.getTime() < stop * (1.0 - 1e-12):
                break  # -ts_max_steps or -ts_max_time ended it
            # the last steps before a stop are cut short
            step = self._longest_step = max(ts.getTimeStep(), self._longest_step)

    def _failure(self, reason: str) -> str:
        ts = self.ts
        text = " ".join(reason.split())
        if len(text) > 300:  # PETSc's call stack: the cause is at its end
            text = f"{text[:40]} ... {text[-250:]}"
        return f"time integration stopped at t = {ts.getTime():g} with step {ts.getTimeStep():.3g}: {text}"

    def destroy(self) -> None:
        """Free PETSc objects. Collective."""
        self.ts.destroy()
        if self.type not in EXPLICIT_TYPES:
            self.jacobian.destroy()
        self.state.destroy()
