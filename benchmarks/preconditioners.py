"""Preconditioners side by side: iterations, time and memory of the same run.

    .venv/bin/python benchmarks/preconditioners.py runs/fig2_phi6_quick.toml 1000 [NAME ...] [key=value ...] [-OPTION]

Integrates the case to the given time with each of the named preconditioners: ``default``, what -pc_python_type knows,
what -pc_type knows, or, where that refuses, the same PETSc type on the sparse matrix in normal modes. The time is CPU
time of one rank, which a busy machine hardly changes; under mpirun it would count the waiting too. The memory is the
largest so far of this process: name one at a time to compare. Prints JSON.
"""

import json
import resource
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
from gbbgky_petsc.commands.hierarchy import hierarchy_of
from gbbgky_petsc.errors import SolverError
from gbbgky_petsc.solvers.frozen import PRECONDITIONERS
from gbbgky_petsc.solvers.integrator import Integrator
from gbbgky_petsc.solvers.normal_modes import SERVING


def options_of(name):
    """PETSc options that choose a preconditioner."""
    if name == "default":
        return {}
    if name in PRECONDITIONERS:
        return {"pc_python_type": name}
    if name in (*SERVING, "none"):
        return {"pc_type": name}
    return {"pc_python_type": "normal_modes", "normal_modes_pc_type": name}


def cost(built, end, name):
    """Steps, Krylov iterations, CPU seconds, memory and energy drift of a run to ``end``."""
    hierarchy = hierarchy_of(built)
    measured = []
    with Integrator(hierarchy, hierarchy.initial_vector(built.rho), options=options_of(name)) as integrator:
        start = time.process_time()
        try:
            integrator.run(end, [], lambda p: measured.append(p.measurement))
        except SolverError as error:
            return {"failed": str(error)}
        return {
            "steps": integrator.ts.getStepNumber(),
            "krylov_iterations": integrator.krylov_iterations,
            "cpu_seconds": round(time.process_time() - start, 2),
            "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            "kurtosis": measured[-1].kurtosis,
            "energy_drift": measured[-1].total_energy / measured[0].total_energy - 1.0,
        }


def main():
    path, end, *words = sys.argv[1:_split]
    names = [word for word in words if "=" not in word] or ["default", "lyapunov", "normal_modes"]
    built = problem.build(case_file.load(Path(path), [word for word in words if "=" in word]), Path(path).parent)
    print(json.dumps({name: cost(built, float(end), name) for name in names}, indent=1))


main()
