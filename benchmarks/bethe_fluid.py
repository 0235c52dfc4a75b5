"""Time to the same accuracy: `gbbgky flow` against BetheFluid 0.6 (dense, serial), Lieb-Liniger bosons on a ring.

    pip install BetheFluid
    python benchmarks/bethe_fluid.py [RAPIDITIES END PLACES STEPS [PLACES STEPS ...]]

Euler order, neither trap nor V: what BetheFluid solves implicitly. Its method is of first order in time and of second
in x. For each of its meshes the coarsest of ours is sought that is at least as close to a reference (three times as
fine in x, order 12, which has nodes where the others have them); both times are CPU seconds, ours the median of five
runs, set-up left out on both sides. Prints JSON.
"""

import contextlib
import importlib.util
import io
import json
import statistics
import sys
import time
from pathlib import Path

from gbbgky_petsc import environment

environment.prepare()

import numpy as np
import petsc4py

petsc4py.init(["bethe_fluid"])
from petsc4py import PETSc

from gbbgky_petsc import case
from gbbgky_petsc.flow import problem
from gbbgky_petsc.flow.equation import FlowEquation
from gbbgky_petsc.flow.integrate import FlowIntegrator

COUPLING, LENGTH = 1.0, 10.0
#: ours, tried in this order
MESHES = (16, 24, 32, 48, 64, 96, 128, 192)


def build(points, rapidities, end, order=8):
    return problem.build(
        case.parse(
            {
                "model": {"kind": "lieb_liniger", "coupling": COUPLING},
                "potential": {"kind": "gaussian", "strength": 0.0, "range": 1.0},
                "state": {"kind": "wave", "mean_density": 0.3, "beta": 1.0, "boost": 0.5, "amplitude": 0.4, "mode": 2},
                "mesh": {"theta_max": 5.0, "theta_points": rapidities},
                "space": {"x_max": LENGTH, "points": points, "boundary": "periodic", "order": order},
                "flow": {"mean_field": False},
                "time": {"end": end},
            }
        ),
        Path(),
    )


def ours(p):
    """rho at the end, (Nx, N), and CPU seconds."""
    with FlowEquation(p, PETSc.COMM_SELF) as equation, FlowIntegrator(equation, p.rho, 0.0) as integrator:
        began = time.process_time()
        integrator.advance(p.end)
        return equation.own(integrator.state, readonly=True).copy(), time.process_time() - began


def theirs(p, steps):
    """The same by BetheFluid."""
    from BetheFluid.solver import Solver

    solver = Solver(
        t_grid=np.linspace(0.0, p.end, steps + 1), miu_grid=p.theta, x_grid=p.space.x,
        rho0=lambda theta, x: p.rho.T, coupling=COUPLING, diff=False, potential=None,
    )  # fmt: skip
    began = time.process_time()
    with contextlib.redirect_stderr(io.StringIO()):
        solver.solve_equation()
    return solver.grid[..., -1].T, time.process_time() - began


def error(rho, x, reference):
    """Largest difference from the reference over its maximum; interpolated in x by its Fourier series."""
    k = np.fft.fftfreq(reference.shape[0], 1.0 / reference.shape[0])
    modes = np.fft.fft(reference, axis=0) / reference.shape[0]
    first = -LENGTH + LENGTH / reference.shape[0]
    at = np.exp(1j * np.pi / LENGTH * np.outer(x - first, k)) @ modes
    return float(np.abs(rho - at.real).max() / reference.max())


def main(*words):
    rapidities, end = (int(words[0]), float(words[1])) if words else (48, 3.0)
    meshes = [int(word) for word in words[2:]] or [48, 75, 64, 150, 96, 300]
    reference, _ = ours(build(3 * max(meshes[::2]), rapidities, end, 12))
    rows = []
    for points, steps in zip(meshes[::2], meshes[1::2], strict=True):
        p = build(points, rapidities, end)
        rho, seconds = theirs(p, steps)
        wanted = error(rho, p.space.x, reference)
        for tried in MESHES:
            p = build(tried, rapidities, end)
            reached = error(ours(p)[0], p.space.x, reference)
            if reached <= wanted:
                break
        own = statistics.median(ours(p)[1] for _ in range(5))
        rows.append(
            {
                "BetheFluid": {"places": points, "steps": steps, "error": wanted, "seconds": seconds},
                "gbbgky": {"places": tried, "error": reached, "seconds": own},
                "ratio": seconds / own,
            }
        )
    print(json.dumps({"rapidities": rapidities, "end": end, "runs": rows}, indent=1))


if __name__ == "__main__":
    if importlib.util.find_spec("BetheFluid") is None:
        print("skipped: BetheFluid is not installed (pip install BetheFluid)")
    else:
        main(*sys.argv[1:])
