"""BDF2 with a predictor, as a TS of type python whose history can be saved: -ts_type two_step.

    w_0 x_{n+1} + w_1 x_n + w_2 x_{n-1} = f(x_{n+1}),     w: derivative of the parabola through the three points

Second order, L-stable up to step ratios of 2.4, one linear system a step: x_{n+1} is found by one Newton step from the
parabola through the last three states. Late correlations follow rho smoothly, so that what is left to solve for is
small. PETSc's own TSBDF does the same, but hides the past states, without which a resumed run is not the straight one.
The first step is backward Euler: start with a small one.
"""

from typing import Any, ClassVar

import numpy as np
from petsc4py import PETSc

from gbbgky_petsc.errors import InputError

#: most that a step may grow by: BDF2 is unstable from 1 + sqrt(2) on
GROWTH = 2.0
#: what is left of a step whose linear solve did not converge
SHRINK = 0.25
#: past states that are kept, beside the present one
DEPTH = 2


class TwoStep:
    """Context of the TS. Options, beside those of SNES, KSP and -ts_max_reject, -ts_max_snes_failures:

    -ksp_rtol : residual allowed, relative to the rate of change of the state (or to that of the prediction)
    -ts_adapt_type : ``basic`` (error control) or ``none``
    -ts_adapt_dt_max, -ts_adapt_dt_min : bounds of the step
    -ts_adapt_safety : the step aims at this fraction of the error allowed (default 0.9, to the power of its order)

    The error, relative to the tolerances and in the maximum norm, is that of the difference from the predictor.

    Attributes
    ----------
    times
        Times of the past states, latest first.
    past
        `DEPTH` vectors; those beyond ``times`` are empty.
    iterations
        Krylov iterations so far.
    """

    name: ClassVar[str] = f"{__name__}.TwoStep"

    def create(self, ts: PETSc.TS) -> None:
        self.times: list[float] = []
        self.past: list[PETSc.Vec] = []
        self._work: list[PETSc.Vec] = []
        self.iterations = 0

    def destroy(self, ts: PETSc.TS) -> None:
        for vec in (*self.past, *self._work):
            vec.destroy()
        self.past, self._work = [], []

    def setFromOptions(self, ts: PETSc.TS) -> None:
        options = PETSc.Options(ts.getOptionsPrefix())
        kind = options.getString("ts_adapt_type", "basic")
        if kind not in ("basic", "none"):
            raise InputError(f"-ts_adapt_type {kind}: not with this integrator; allowed: basic, none")
        self._adapts = kind == "basic"
        self._longest = options.getReal("ts_adapt_dt_max", np.inf)
        self._shortest = options.getReal("ts_adapt_dt_min", 0.0)
        self._safety = options.getReal("ts_adapt_safety", 0.9)

    def begin_after(self, x: PETSc.Vec, times: list[float]) -> None:
        """Make room for the past of vectors like x; the caller fills `past` for these times. Collective."""
        self.times = times[:DEPTH]
        if not self.past:
            self.past = [x.duplicate() for _ in range(DEPTH)]

    def setUp(self, ts: PETSc.TS) -> None:
        x = ts.getSolution()
        ts.getSNES().setType(PETSc.SNES.Type.KSPONLY)
        if not PETSc.Options(ts.getOptionsPrefix()).hasName("ts_max_snes_failures"):
            ts.setMaxSNESFailures(-1)  # each shortens the step, and -ts_max_reject bounds them within one
        self.begin_after(x, self.times)
        self._work = [x.duplicate() for _ in range(3)]
        self._least = ts.getSNES().getKSP().getTolerances()[1]

    def solveStep(self, ts: PETSc.TS, t: float, x: PETSc.Vec) -> None:
        nodes, states = [ts.getTime(), *self.times], [ts.getSolution(), *self.past]
        weights = _derivative([t, *nodes[:2]])
        self._shift = weights[0]
        rest, predicted, _ = self._work
        _combine(weights[1:], states, rest)
        _combine(_extrapolation(t, nodes), states, predicted)
        predicted.copy(x)
        snes, change = ts.getSNES(), self._work[2]
        change.waxpy(-1.0, ts.getSolution(), predicted)
        ksp = snes.getKSP()
        allowed = ksp.getTolerances()[0] * change.norm() / ts.getTimeStep()
        ksp.setTolerances(atol=max(allowed, self._least))
        snes.solve(None, x)
        self.iterations += snes.getLinearSolveIterations()
        if snes.getConvergedReason() < 0:  # PETSc tries again without asking for another step
            ts.setTimeStep(max(SHRINK * ts.getTimeStep(), self._shortest))

    def formSNESFunction(self, *arguments: Any) -> None:
        _, x, f, ts = _flat(arguments)
        ts.computeIFunction(ts.getTime() + ts.getTimeStep(), x, self._rate(x), f)

    def formSNESJacobian(self, *arguments: Any) -> None:
        _, x, J, P, ts = _flat(arguments)
        ts.computeIJacobian(ts.getTime() + ts.getTimeStep(), x, self._rate(x), self._shift, J, P)

    def _rate(self, x: PETSc.Vec) -> PETSc.Vec:
        """dx/dt at the end of the step."""
        rate = self._work[2]
        rate.waxpy(self._shift, x, self._work[0])
        return rate

    def adaptStep(self, ts: PETSc.TS, t: float, x: PETSc.Vec) -> tuple[float, bool]:
        now, h, end = ts.getTime(), ts.getTimeStep(), ts.getMaxTime()
        factor = 1.0
        if self._adapts:
            error, order = self._error(ts, t, x), min(len(self.times), 2)
            factor = self._safety * max(error, 1e-10) ** (-1.0 / (order + 1))
            if error > 1.0 and h > self._shortest:
                return max(h * max(factor, 0.1), self._shortest), False
        # a step that a stop has cut short is left out of the past: the next one may be long again
        if not self.times or h >= 0.5 * (now - self.times[0]):
            self.past.insert(0, self.past.pop())
            ts.getSolution().copy(self.past[0])
            self.times = [now, *self.times][:DEPTH]
        if not self._adapts:
            return (min(h, end - t) if t < end else h), True
        wanted = min(h * factor, GROWTH * (t - self.times[0]), self._longest)
        return _step_towards(end, t, max(wanted, self._shortest)), True

    def _error(self, ts: PETSc.TS, t: float, x: PETSc.Vec) -> float:
        """Error of the step in the tolerances, from what the predictor was wrong by."""
        _, predicted, difference = self._work
        difference.waxpy(-1.0, predicted, x)
        difference.pointwiseDivide(difference, ts.getTolerances()[1])
        h = [t - s for s in (ts.getTime(), *self.times)]
        share = h[0] / sum(h)  # of backward Euler, too much, where the past is too short to know
        if len(h) == 3:  # both errors are of third order
            made, missed = (h[0] * h[1]) ** 2 / (h[0] + h[1]), np.prod(h)
            share = made / (made + missed)
        return float(share * difference.norm(PETSc.NormType.INFINITY))


def _flat(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """petsc4py hands its callbacks' arguments over one by one or, up to 3.18 at least, as one tuple."""
    return arguments[0] if len(arguments) == 1 else arguments


def _derivative(nodes: list[float]) -> list[float]:
    """Weights of the derivative at the first of two or three nodes of the polynomial through all."""
    h = nodes[0] - nodes[1]
    if len(nodes) == 2:
        return [1.0 / h, -1.0 / h]
    k = nodes[0] - nodes[2]
    return [1.0 / h + 1.0 / k, -k / (h * (k - h)), h / (k * (k - h))]


def _extrapolation(t: float, nodes: list[float]) -> list[float]:
    """Weights at t of the polynomial through all nodes."""
    return [float(np.prod([(t - b) / (a - b) for b in nodes if b != a])) for a in nodes]


def _combine(weights: list[float], states: list[PETSc.Vec], out: PETSc.Vec) -> None:
    out.set(0.0)
    out.maxpy(weights, states[: len(weights)])


def _step_towards(end: float, t: float, wanted: float) -> float:
    """The step from t that hits ``end`` exactly, or halves the way to it, where it is near; else the one wanted."""
    left, slack = end - t, 1.0 + 1e-9
    if left <= 0.0 or left > 2.0 * wanted * slack:
        return wanted
    if left > wanted * slack:
        return 0.5 * left
    while t + left < end:
        left = float(np.nextafter(left, np.inf))
    return left
