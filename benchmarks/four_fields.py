"""Cost of the four fields against N and N_z, beside the closure.

    .venv/bin/python benchmarks/four_fields.py cost [N NZ]
    .venv/bin/python benchmarks/four_fields.py memory

``cost``: CPU seconds per accepted step and Krylov iterations per step, on one rank, of the first 30 time units of the
state of runs/four_fields.toml; exponents of the former in N and N_z. ``memory``: growth of the resident set over state
vectors, GMRES driven to its restart. Prints JSON. What sets the orders apart in rho and g is for
`gbbgky validate --only four_fields`.
"""

import json
import resource
import sys
import time

from gbbgky_petsc import environment

environment.prepare()

import petsc4py

petsc4py.init(sys.argv[:1])

import numpy as np

from gbbgky_petsc.discrete.mesh import Boundary, PhaseSpaceMesh
from gbbgky_petsc.equations.hierarchy import TRIPLE_RESTART, Hierarchy
from gbbgky_petsc.limits import MOST_VECTORS
from gbbgky_petsc.physics.models import HardRods
from gbbgky_petsc.physics.potential import Potential, Power
from gbbgky_petsc.physics.states import BoostedThermal
from gbbgky_petsc.solvers.integrator import Integrator

ORDERS = ("full", "three_fields", "four_fields")
#: the mesh from which N and N_z are raised; smaller ones are dominated by what is done once a step
BASE = {"theta_points": 16, "z_points": 64}


def build(order, theta_points, z_points, strength=4.0, length=1.0, theta_max=5.0, z_max=128.0):
    """The equation and the rho of runs/four_fields.toml on another mesh, V0 and a."""
    mesh = PhaseSpaceMesh(
        theta_max=theta_max, theta_points=theta_points, z_max=z_max, z_spacing=2.0 * z_max / z_points,
        boundary=Boundary.ABSORBING,
    )  # fmt: skip
    model = HardRods(length)
    rho = BoostedThermal(0.2, 2.5, 1.0).sample(mesh.theta, mesh.theta_weight, model)
    return Hierarchy(mesh, model, Potential(Power(6), strength, 20.0), order), rho


def run(hierarchy, rho, end, **options):
    """Last measurement, steps, Krylov iterations and CPU seconds."""
    measured = []
    with Integrator(hierarchy, hierarchy.initial_vector(rho), options=options) as integrator:
        start = time.process_time()
        integrator.run(end, [], lambda p: measured.append(p.measurement))
        spent = time.process_time() - start
        return measured[-1], integrator.ts.getStepNumber(), integrator.krylov_iterations, spent


def cost():
    rows = []
    chosen = [tuple(int(word) for word in sys.argv[2:4])] if len(sys.argv) > 3 else None
    for n, nz in chosen or ((12, 64), (16, 64), (24, 64), (32, 64), (16, 128), (16, 256)):
        row = {"theta_points": n, "z_points": nz}
        for order in ORDERS:
            hierarchy, rho = build(order, n, nz)
            _, steps, iterations, spent = run(hierarchy, rho, 30.0)
            row[order] = {
                "steps": steps,
                "krylov_per_step": round(iterations / steps, 2),
                "ms_per_step": round(1e3 * spent / steps, 1),
            }
            hierarchy.destroy()
        rows.append(row)
    return {"rows": rows, "exponents": exponents(rows)}


def memory():
    hierarchy, rho = build("four_fields", 40, 64)
    state = 8 * sum(block.total for block in hierarchy.fields.blocks.values())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    _, steps, iterations, _ = run(hierarchy, rho, 10.0, ts_dt=10.0, ts_adapt_type="none", ksp_rtol=1e-12)
    grown = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    return {
        "state_vector_bytes": state,
        "krylov_per_step": iterations / steps,
        "vectors_measured": round(grown / state, 1),
        "vectors_counted": TRIPLE_RESTART + MOST_VECTORS,
    }


def exponents(rows):
    """d log(ms per step)/d log of N and of N_z by order: least squares over rows with the other one as in `BASE`."""
    found = {}
    for mine, other in (("theta_points", "z_points"), ("z_points", "theta_points")):
        chosen = [row for row in rows if row[other] == BASE[other] and row[mine] >= BASE[mine]]
        for order in ORDERS if len(chosen) > 1 else ():
            x, y = np.log([(row[mine], row[order]["ms_per_step"]) for row in chosen]).T
            found[f"{order}, {mine}"] = round(float(np.polyfit(x, y, 1)[0]), 2)
    return found


print(json.dumps({"cost": cost, "memory": memory}[sys.argv[1]](), indent=1))
