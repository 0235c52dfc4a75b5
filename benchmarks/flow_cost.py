"""Cost of `gbbgky flow`: time a step and a cell, memory, and all ranks against one.

    mpirun -n 2 python benchmarks/flow_cost.py [PLACES RAPIDITIES STEPS [CASE]]

The case (default: cradle, without collisions) on rank 0 alone and on all ranks, in turn, five times; medians. On a busy
machine wall times say little: CPU seconds are those of the busiest rank, which shares a core while it waits
(`--mca mpi_yield_when_idle 1`). Prints JSON.
"""

import json
import resource
import statistics
import sys
import time
from pathlib import Path

from gbbgky_petsc import environment

environment.prepare()

import petsc4py

petsc4py.init(["flow_cost"])
from mpi4py import MPI
from petsc4py import PETSc

from gbbgky_petsc import case, shipped
from gbbgky_petsc.flow import problem
from gbbgky_petsc.flow.equation import FlowEquation
from gbbgky_petsc.flow.integrate import FlowIntegrator

WORLD = MPI.COMM_WORLD


def timed(p, steps, comm):
    """CPU and wall seconds a step, the larger ones of the ranks of ``comm``."""
    with FlowEquation(p, comm) as equation, FlowIntegrator(equation, p.rho, 0.0) as integrator:
        end = steps * integrator.ts.getTimeStep()
        integrator.advance(0.1 * end)  # warm
        done = integrator.steps
        wall, cpu = time.perf_counter(), time.process_time()
        integrator.advance(end)
        both = (time.process_time() - cpu, time.perf_counter() - wall)
        done = integrator.steps - done
        return [equation.comm.allreduce(seconds, op=MPI.MAX) / done for seconds in both]


def wait():
    """A barrier at which nobody spins."""
    request = WORLD.Ibarrier()
    while not request.Test():
        time.sleep(0.002)


def main(*words):
    places, rapidities, steps = (int(word) for word in words[:3]) if words else (1024, 256, 40)
    sizes = (f"space.points={places}", f"mesh.theta_points={rapidities}", "flow={collisions='none'}")
    path = shipped.find_case(Path(words[3] if len(words) > 3 else "cradle"))
    p = problem.build(case.load(path, sizes), path.parent)
    alone, together = [], []
    for _ in range(5):
        if WORLD.rank == 0:
            alone.append(timed(p, steps, PETSc.COMM_SELF))
        wait()
        if WORLD.size > 1:
            together.append(timed(p, steps, PETSc.COMM_WORLD))
    if WORLD.rank == 0:
        one = [statistics.median(values) for values in zip(*alone, strict=True)]
        report = {
            "mesh": [places, rapidities],
            "ms_a_step": 1e3 * one[0],
            "ns_a_cell_and_stage": 1e9 * one[0] / p.rho.size / 4,
            "peak_MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }
        if together:
            all_ranks = [statistics.median(values) for values in zip(*together, strict=True)]
            report |= {"ranks": WORLD.size, "speed_up_cpu": one[0] / all_ranks[0], "wall": one[1] / all_ranks[1]}
        print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main(*sys.argv[1:])
