"""Lyapunov inverse per wavenumber against the assembled normal-mode form: iterations and time of the same run.

    .venv/bin/python benchmarks/preconditioners.py runs/fig2_phi6_quick.toml 1000 [key=value ...] [PETSc options]

Integrates the case to the given time with either preconditioner. The time is CPU time of one rank, which a busy
machine hardly changes; under mpirun it would count the waiting too. Prints JSON.
"""

import json
import sys
import time
from pathlib import Path

from gbbgky_petsc import environment

environment.prepare()

import petsc4py

_split = next((i for i, word in enumerate(sys.argv) if word.startswith("-")), len(sys.argv))
petsc4py.init([sys.argv[0], *sys.argv[_split:]])


from gbbgky_petsc import case as case_file
from gbbgky_petsc import problem
from gbbgky_petsc.equations.hierarchy import Hierarchy
from gbbgky_petsc.solvers.integrator import Integrator


def cost(built, end, preconditioner):
    """Steps, Krylov iterations, CPU seconds and energy drift of a run to ``end``."""
    h = built.case.hierarchy
    hierarchy = Hierarchy(built.mesh, built.model, built.potential, h.order, h.closure, tuple(h.explicit))
    measured = []
    table = {"pc_python_type": preconditioner}
    with Integrator(hierarchy, hierarchy.initial_vector(built.rho), options=table) as integrator:
        start = time.process_time()
        integrator.run(end, [], lambda p: measured.append(p.measurement))
        return {
            "steps": integrator.ts.getStepNumber(),
            "krylov_iterations": integrator.ts.getKSPIterations(),
            "cpu_seconds": round(time.process_time() - start, 2),
            "kurtosis": measured[-1].kurtosis,
            "energy_drift": measured[-1].total_energy / measured[0].total_energy - 1.0,
        }


def main():
    path, end, *assignments = sys.argv[1:_split]
    built = problem.build(case_file.load(Path(path), assignments), Path(path).parent)
    print(json.dumps({name: cost(built, float(end), name) for name in ("lyapunov", "normal_modes")}, indent=1))


main()
