"""What does the coherent collision integral cost? Applications, flops, and a whole weak relaxation.

    .venv/bin/python benchmarks/coherent_collisions.py [POINTS ...]
    mpirun -n 2 .venv/bin/python benchmarks/coherent_collisions.py

Prints JSON: seconds of one application (kernels and flux; shortest of several) by theta-points, the exponent between
them, and flops per second beside those of a matrix product and of a compiled scalar loop on the same core.
"""

import json
import sys
import time
from itertools import pairwise

import petsc4py

petsc4py.init(sys.argv[:1])

import numba
import numpy as np
from mpi4py import MPI
from petsc4py import PETSc

from gbbgky_petsc.collisions import build
from gbbgky_petsc.collisions.spectrum import thermal_state
from gbbgky_petsc.collisions.triples import FLUX_FLOPS, KERNEL_FLOPS
from gbbgky_petsc.discrete.mesh import PhaseSpaceMesh
from gbbgky_petsc.equations.kinetic import KineticEquation
from gbbgky_petsc.physics.models import HardRods, LiebLiniger
from gbbgky_petsc.physics.potential import Potential, Power
from gbbgky_petsc.physics.states import BoostedThermal
from gbbgky_petsc.solvers.integrator import Integrator

MODELS = {"rods": HardRods(1.0), "Lieb-Liniger, c = 2": LiebLiniger(2.0)}
POTENTIAL = Potential(Power(6.0), 0.4, 20.0)
POINTS = tuple(int(word) for word in sys.argv[1:]) or (48, 96, 192)


@numba.njit
def polynomial(x, repeat):
    """Two flops a step of a chain that waits for nothing but the last result of its own lane (eight of them)."""
    a0, a1, a2, a3, a4, a5, a6, a7 = x, x, x, x, x, x, x, x
    for _ in range(repeat):
        a0, a1, a2, a3 = a0 * x + x, a1 * x + x, a2 * x + x, a3 * x + x
        a4, a5, a6, a7 = a4 * x + x, a5 * x + x, a6 * x + x, a7 * x + x
    return a0 + a1 + a2 + a3 + a4 + a5 + a6 + a7


def shortest(action, repeat):
    """Seconds of the fastest of ``repeat`` calls on the slowest rank."""
    times = []
    for _ in range(repeat):
        MPI.COMM_WORLD.barrier()
        began = time.perf_counter()
        action()
        times.append(MPI.COMM_WORLD.allreduce(time.perf_counter() - began, MPI.MAX))
    return min(times)


def operator(model, points, **options):
    mesh = PhaseSpaceMesh(6.0, points, z_max=100.0, z_spacing=5.0)
    collisions = build("coherent", model, POTENTIAL, mesh, PETSc.COMM_WORLD, **options)
    return collisions, BoostedThermal(0.2, 2.5, 1.0).sample(mesh.theta, mesh.theta_weight, model)


def applications(model, **options):
    """Seconds, exponents and flops of one application at a new rho."""
    seconds = {}
    for points in POINTS:
        collisions, rho = operator(model, points, **options)
        step = iter(range(100))
        seconds[points] = shortest(lambda c=collisions, r=rho, s=step: c(r * (1.0 + 1e-9 * next(s))), 6)
    report = {"seconds": seconds}
    report["exponents"] = [np.log2(seconds[b] / seconds[a]) for a, b in pairwise(POINTS)]
    n = POINTS[-1]
    flops = n * (n - 1) * (n - 2) / 6 * (KERNEL_FLOPS + FLUX_FLOPS)
    if not options:
        report["gflops at the largest"] = flops / seconds[n] / 1e9
    return report


def relaxation(model, points=48):
    """Seconds and steps from the quench to the thermal state."""
    collisions, rho = operator(model, points)
    equation, reports = KineticEquation(collisions), []
    began = time.perf_counter()
    with Integrator(equation, equation.initial_vector(rho), 0.0, 1e9) as integrator:
        integrator.run(1e9, [], reports.append)
        final = equation.gather_rho(integrator.state)
    seconds = time.perf_counter() - began
    _, thermal = thermal_state(collisions, rho)
    energy = [r.measurement.kinetic_energy for r in reports]
    return {
        "seconds": seconds,
        "steps": len(reports) - 1,
        "distance to the thermal state": float(np.abs(final - thermal).max() / thermal.max()),
        "energy drift": float(np.ptp(energy) / energy[0]),
    }


def main():
    polynomial(0.5, 10)
    matrix = np.ones((800, 800))
    scalar = shortest(lambda: polynomial(0.5, 10**7), 3)
    product = shortest(lambda: matrix @ matrix, 3)
    report = {
        "ranks": MPI.COMM_WORLD.size,
        "gflops of a scalar loop": 16e7 / scalar / 1e9,
        "gflops of a matrix product": 2.0 * 800**3 / product / 1e9,
    }
    for name, model in MODELS.items():
        report[name] = applications(model) | {"relaxation": relaxation(model)}
    report["rods, screened"] = applications(MODELS["rods"], screened=True)
    if MPI.COMM_WORLD.rank == 0:
        print(json.dumps(report, indent=1))


main()
