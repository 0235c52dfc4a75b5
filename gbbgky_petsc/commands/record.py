"""From accepted steps to rows of the result file, a progress line and a closing table."""

import time
from typing import Any

import numpy as np
from rich.table import Table

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.commands.common import console, progress_bar
from gbbgky_petsc.equations.measurement import Measurement
from gbbgky_petsc.errors import printable
from gbbgky_petsc.physics import observables
from gbbgky_petsc.physics.observables import Clock, Sample
from gbbgky_petsc.problem import Problem
from gbbgky_petsc.solvers.integrator import Integrator, Progress
from gbbgky_petsc.store.writer import ResultWriter

#: seconds between signs of life inside a step
PULSE = 2.0


class Recorder:
    """Turns accepted steps into rows of the result file and a progress line; does so on rank 0 only.

    With ``output.series_every`` the rows lie on multiples of it: rho and the absorbed energy are interpolated by
    cubic Hermite polynomials from both ends of a step, the interaction energy follows from dE_int = -dE_kin - dE_abs.
    A run begins at time ``start``; a ``resumed`` one adds to the rows that are there.
    """

    #: what the equations conserve, shown as its drift
    conserved = "total_energy"

    def __init__(self, problem: Problem, writer: ResultWriter, start: float = 0.0, resumed: bool = False) -> None:
        self._problem, self._writer, self._resumed = problem, writer, resumed
        self._every = problem.case.output.series_every
        self._flush = problem.case.output.flush_seconds
        self._last: tuple[float, Measurement] | None = None
        #: number of the next row, where rows lie on multiples
        self._next = 0 if self._every is None else int(start / self._every * (1.0 + 1e-12)) + resumed
        self._first_energy: float | None = writer.series[self.conserved][0] if resumed else None
        self._bar = progress_bar(problem.end, start)
        self._said, self._said_at, self._iterations = "", time.monotonic(), 0

    def __call__(self, p: Progress) -> None:
        m = p.measurement
        if self._first_energy is None:
            self._first_energy = getattr(m, self.conserved)
        if self._last is None and self._resumed:
            pass  # the row at the start of this part is there
        elif self._every is None or self._last is None:
            self._row(p.t, p.step, m)
        else:
            self._interpolated_rows(p)
        drift = getattr(m, self.conserved) / self._first_energy - 1.0
        self._said = (
            f"t={p.t:.1f} t_bar={p.t / self._problem.unit:.4f} dt={p.step:.3g} "
            f"kurtosis={m.kurtosis:.4f} dE/E={drift:.0e}"
        )
        self._said_at, self._iterations = time.monotonic(), 0
        self._bar.set_postfix_str(self._said, refresh=False)
        self._bar.update(p.t - self._bar.n)
        self._last = (p.t, m)
        self._writer.flush_if_older(self._flush)

    def _interpolated_rows(self, p: Progress) -> None:
        assert self._last is not None and self._every is not None
        t0, a = self._last
        b, step = p.measurement, p.t - t0
        while self._next * self._every <= p.t * (1.0 + 1e-12):
            t = self._next * self._every
            s = (t - t0) / step
            rho = _hermite(s, step, a.rho, a.rho_rate, b.rho, b.rho_rate)
            rate = _hermite_slope(s, step, a.rho, a.rho_rate, b.rho, b.rho_rate)
            interaction, absorbed = self._energies(s, step, a, b, rho)
            self._row(t, p.step, Sample(b.model, b.theta, b.weight, rho, interaction, absorbed, rate))

    def _energies(self, s: float, step: float, a: Measurement, b: Measurement, rho: Array) -> tuple[float, float]:
        """Interaction and absorbed energy at fraction s of a step, where rho is ``rho``."""
        absorbed = float(_hermite(s, step, a.absorbed_energy, a.absorbed_rate, b.absorbed_energy, b.absorbed_rate))
        kinetic = observables.kinetic_energy(self._problem.model, self._problem.mesh.theta, rho)
        return a.total_energy + s * (b.total_energy - a.total_energy) - kinetic - absorbed, absorbed

    def _row(self, t: float, step: float, sample: Sample) -> None:
        self._writer.add_series(**sample.row(Clock(t, step, self._problem.unit)))
        self._next += 1

    def alive(self) -> None:
        """Show, inside a long step, that it is being worked on; after every Krylov iteration."""
        self._iterations += 1
        now = time.monotonic()
        if now - self._said_at > PULSE:
            self._said_at = now
            self._bar.set_postfix_str(f"{self._said}, Krylov iteration {self._iterations}", refresh=False)
            self._bar.refresh()

    def close(self) -> None:
        self._bar.close()


def _hermite(s: float, step: float, a: Any, a_rate: Any, b: Any, b_rate: Any) -> Any:
    """Cubic Hermite interpolation at fraction s of a step."""
    return (
        (1 + 2 * s) * (1 - s) ** 2 * a
        + s * (1 - s) ** 2 * step * a_rate
        + s**2 * (3 - 2 * s) * b
        - s**2 * (1 - s) * step * b_rate
    )


def _hermite_slope(s: float, step: float, a: Array, a_rate: Array, b: Array, b_rate: Array) -> Array:
    """Time derivative of `_hermite`."""
    return 6 * s * (1 - s) * (b - a) / step + (1 - s) * (1 - 3 * s) * a_rate + s * (3 * s - 2) * b_rate


def print_summary(
    writer: ResultWriter, integrator: Integrator, seconds: float, conserved: str = "total_energy"
) -> None:
    """A short table of the result; ``conserved`` is the series whose drift is shown."""
    s = writer.series
    table = Table("t", "t_bar", "kurtosis", "E_kin", "E_int", "dE/E")
    rows = np.unique(np.linspace(0, len(s["t"]) - 1, 7).round().astype(int))
    for i in rows:
        drift = s[conserved][i] / s[conserved][0] - 1.0
        table.add_row(
            f"{s['t'][i]:.1f}",
            f"{s['t_rescaled'][i]:.4f}",
            f"{s['kurtosis'][i]:.4f}",
            f"{s['kinetic_energy'][i]:.5f}",
            f"{s['interaction_energy'][i]:.5f}",
            f"{drift:.1e}",
        )
    out = console()
    out.print(table)
    ts, iterations = integrator.ts, integrator.krylov_iterations
    out.print(
        f"{ts.getStepNumber()} steps ({ts.getStepRejections()} rejected), {iterations} Krylov iterations, "
        f"{seconds:.1f} s on {writer.attributes['ranks']} rank(s); written to {printable(str(writer.path))}"
    )
