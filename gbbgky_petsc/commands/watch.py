"""Whether a run still means something: rho and the invariants are watched after every accepted step."""

from collections.abc import Mapping

import numpy as np

from gbbgky_petsc.equations.measurement import Measurement
from gbbgky_petsc.errors import StateError
from gbbgky_petsc.physics import observables
from gbbgky_petsc.problem import Problem
from gbbgky_petsc.solvers.integrator import Integrator, Progress

#: how far below zero rho may go, relative to its maximum: with a warning, and at all (the spectral theta-derivative
#: rings below the latter)
NEGATIVE = (1e-6, 0.05)
#: how far a filling may be out of its range
FILLING = (1e-3, 0.05)
#: rho at the ends of the theta-window relative to its maximum
EDGE = (1e-3, 0.05)
#: drift of particle number, momentum (per rms momentum) and energy (per kinetic energy), linear invariants
DRIFT = (1e-6, 1e-3)
#: steps without a Krylov iteration after which nothing can have been solved
IDLE_STEPS = 3


class Watch:
    """Warns of, or ends, a run whose state means nothing any more. The same on every rank.

    Parameters
    ----------
    problem
        Its model and mesh.
    integrator
        Named as the cause where its type is explicit.
    conserved
        Attribute of a measurement that the equation conserves besides number and momentum.
    first
        Values of density, momentum and of the conserved energy at the run's beginning, where that lies in an earlier
        part of it.

    Attributes
    ----------
    warnings : list of str
        One of each kind.
    """

    def __init__(
        self, problem: Problem, integrator: Integrator, conserved: str, first: Mapping[str, float] | None = None
    ) -> None:
        self._model, self._mesh, self._integrator = problem.model, problem.mesh, integrator
        self._conserved, self._first = conserved, dict(first or {})
        self._began: int | None = None
        self._warned: dict[str, str] = {}

    @property
    def warnings(self) -> list[str]:
        return list(self._warned.values())

    def __call__(self, progress: Progress) -> None:
        """Look at the state after a step. Collective.

        Raises
        ------
        StateError
            If rho is not finite, is negative, has a filling that the model's statistics exclude or fills the
            theta-window, if an invariant has drifted, or if the solver solves nothing.
        """
        t, m = progress.t, progress.measurement
        rho = m.rho
        energy = getattr(m, self._conserved)
        if not (np.all(np.isfinite(rho)) and np.isfinite(energy)):
            raise StateError(
                f"t = {t:g}: {'energy' if np.all(np.isfinite(rho)) else 'rho'} is not finite{self._cause()}"
            )
        top = rho.max()
        self._judge("negative", t, -rho.min() / top, NEGATIVE, f"rho reaches {rho.min() / top:.2g} of its maximum")
        edge = max(abs(rho[0]), abs(rho[-1])) / top
        self._judge(
            "edge", t, edge, EDGE, f"rho at the end of the theta-window is {edge:.2g} of its maximum (mesh.theta_max)"
        )
        self._watch_filling(t, m)
        if self._integrator.equation.conserves:
            self._watch_invariants(t, m, energy)
        self._watch_solver(progress)

    def _judge(self, kind: str, t: float, size: float, limits: tuple[float, float], text: str) -> None:
        """Warn of a size above the first limit, end the run above the second."""
        if size > limits[1] or not np.isfinite(size):
            raise StateError(f"t = {t:g}: {text}; allowed: {limits[1]:g}{self._cause()}")
        if size > limits[0] and kind not in self._warned:
            self._warned[kind] = f"t = {t:g}: {text}; right is below {limits[0]:g}"

    def _watch_filling(self, t: float, m: Measurement) -> None:
        mesh = self._mesh
        fault = self._model.fault(mesh.theta, mesh.theta_weight, m.rho, FILLING[0])
        if fault is None:
            return
        try:
            self._model.check_filling(mesh.theta, mesh.theta_weight, m.rho, t, FILLING[1])
        except StateError as error:
            raise StateError(f"{error}{self._cause()}") from error
        self._warned.setdefault("filling", f"t = {t:g}: {fault}")

    def _watch_invariants(self, t: float, m: Measurement, energy: float) -> None:
        now = {"density": m.density, "momentum": m.momentum, self._conserved: energy}
        first = self._first = now | self._first
        momentum = float(np.sqrt((m.theta**2 * np.abs(m.rho)).sum() / np.abs(m.rho).sum()))
        kinetic = abs(observables.kinetic_energy(self._model, m.theta, m.rho))
        scales = {"density": first["density"], "momentum": momentum, self._conserved: max(kinetic, abs(energy))}
        for name, scale in scales.items():
            drift = abs(now[name] - first[name]) / scale
            text = f"{name.replace('_', ' ')} has drifted by {drift:.1e} from {first[name]:.6g}"
            self._judge(name, t, drift, DRIFT, text)

    def _watch_solver(self, progress: Progress) -> None:
        """Whether linear systems are solved at all: without one Krylov iteration the state stays where it is."""
        integrator, number = self._integrator, progress.number
        if self._began is None:
            self._began = number
        if number != self._began + IDLE_STEPS or not integrator.is_implicit or integrator.krylov_iterations:
            return
        if integrator.should_move():
            raise StateError(
                f"t = {progress.t:g}: no Krylov iteration in {IDLE_STEPS} steps, though the state should move"
            )

    def _cause(self) -> str:
        """What may be wrong, to follow the fault."""
        integrator = self._integrator
        if integrator.is_implicit:
            return "; a smaller step or tolerance (-ts_dt, -ts_adapt_dt_max, -ts_atol, -ksp_rtol) may help"
        step = integrator.ts.getTimeStep()
        return (
            f"; -{integrator.equation.prefix}ts_type {integrator.type} is explicit and unstable at large steps (now "
            f"{step:.3g}); allowed: smaller ones, or the default ts_type"
        )
