"""How much faster are the defaults than the paper's explicit integration on the same mesh?

    mpirun -n 2 .venv/bin/python benchmarks/implicit_vs_explicit.py runs/fig2_phi6.toml RESULT.h5

RESULT.h5 is a finished `gbbgky run` of the case with default options on the same number of ranks. RK4 with step 0.02
and adaptive RK 5(4) are timed over a short stretch and extrapolated to the end of the case. Prints JSON.
"""

import json
import sys
import time
from pathlib import Path

from gbbgky_petsc import environment

environment.prepare()

import petsc4py

petsc4py.init(sys.argv[:1])

from petsc4py import PETSc

from gbbgky_petsc import case as case_file
from gbbgky_petsc import problem
from gbbgky_petsc.equations.hierarchy import Hierarchy
from gbbgky_petsc.solvers.integrator import Integrator
from gbbgky_petsc.store.reader import read


def seconds_per_time(built, options, start, end):
    """Wall seconds per unit of t between start and end, and the last step."""
    h = built.case.hierarchy
    hierarchy = Hierarchy(built.mesh, built.model, built.potential, h.order, h.closure)
    marks = []
    with Integrator(hierarchy, hierarchy.initial_vector(built.rho), options=options) as integrator:
        integrator.run(end, [start], lambda p: marks.append((p.t, p.step, time.perf_counter())))
    (t0, _, w0), (t1, step, w1) = next(m for m in marks if m[0] >= start), marks[-1]
    return (w1 - w0) / (t1 - t0), step


def main():
    path, result = Path(sys.argv[1]), read(Path(sys.argv[2]))
    built = problem.build(case_file.load(path), path.parent)
    rk4, _ = seconds_per_time(
        built, {"ts_type": "rk", "ts_rk_type": "4", "ts_adapt_type": "none", "ts_dt": "0.02"}, 0.2, 1.0
    )
    rk5, step = seconds_per_time(built, {"ts_type": "rk", "ts_rk_type": "5dp"}, 5.0, 20.0)
    default = float(result.attributes["wall_seconds"])
    if PETSc.COMM_WORLD.getRank() == 0:
        report = {
            "ranks": PETSc.COMM_WORLD.getSize(),
            "default_seconds": default,
            "rk4_seconds_extrapolated": rk4 * built.end,
            "ratio_rk4": rk4 * built.end / default,
            "adaptive_rk5_seconds_extrapolated": rk5 * built.end,
            "adaptive_rk5_step": step,
            "ratio_rk5": rk5 * built.end / default,
        }
        print(json.dumps(report, indent=1))


main()
