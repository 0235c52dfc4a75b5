"""Cost of the four fields against N and N_z, and how their differences from the closures grow with V0 and a.

    .venv/bin/python benchmarks/four_fields.py cost [N NZ]
    .venv/bin/python benchmarks/four_fields.py memory
    .venv/bin/python benchmarks/four_fields.py order

``cost``: CPU seconds per accepted step and Krylov iterations per step, on one rank, of the first 30 time units of the
state of runs/four_fields.toml. ``memory``: growth of the resident set over state vectors, GMRES driven to its
restart. ``order``: at N = 22, N_z = 48 and t = 50, kurtosis against order `full` (closure ``fluctuation``), drift of
c2 and excess of g3 for both signs of V0, and the exponents between neighbouring rows; more than ten minutes on a busy
core, each row on standard error as it comes. Prints JSON.
"""

import json
import resource
import sys
import time
from itertools import pairwise

from gbbgky_petsc import environment

environment.prepare()

import petsc4py

petsc4py.init(sys.argv[:1])

import numpy as np

from gbbgky_petsc.commands.memory import OTHER_VECTORS
from gbbgky_petsc.discrete.mesh import Boundary, PhaseSpaceMesh
from gbbgky_petsc.equations.hierarchy import TRIPLE_RESTART, Hierarchy
from gbbgky_petsc.physics.models import HardRods
from gbbgky_petsc.physics.potential import Potential, Power
from gbbgky_petsc.physics.states import BoostedThermal
from gbbgky_petsc.solvers.integrator import Integrator


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
        return measured[-1], integrator.ts.getStepNumber(), integrator.ts.getKSPIterations(), spent


def cost():
    rows = []
    chosen = [tuple(int(word) for word in sys.argv[2:4])] if len(sys.argv) > 3 else None
    for n, nz in chosen or ((12, 64), (16, 64), (24, 64), (32, 64), (16, 128), (16, 256)):
        row = {"theta_points": n, "z_points": nz}
        for order in ("full", "three_fields", "four_fields"):
            hierarchy, rho = build(order, n, nz)
            _, steps, iterations, spent = run(hierarchy, rho, 30.0)
            row[order] = {
                "steps": steps,
                "krylov_per_step": round(iterations / steps, 2),
                "ms_per_step": round(1e3 * spent / steps, 1),
            }
            hierarchy.destroy()
        rows.append(row)
    return rows


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
        "vectors_counted": TRIPLE_RESTART + OTHER_VECTORS,
    }


def compared(strength, length):
    """Kurtosis at t = 50 of the orders, and what the four fields record."""
    found = {}
    for order in ("full", "three_fields", "four_fields"):
        hierarchy, rho = build(order, 22, 48, strength, length, theta_max=4.2, z_max=96.0)
        last, *_ = run(hierarchy, rho, 50.0, ts_atol=1e-6, ksp_rtol=1e-6)
        found[order] = last
        hierarchy.destroy()
    four = found["four_fields"]
    row = {
        "V0": strength,
        "a": length,
        "kurtosis": four.kurtosis,
        "four_minus_full": four.kurtosis - found["full"].kurtosis,
        "three_minus_full": found["three_fields"].kurtosis - found["full"].kurtosis,
        "covariance_drift": four.recorded["covariance_drift"],
        "triple_excess": four.recorded["triple_excess"],
    }
    print(row, file=sys.stderr, flush=True)
    return row


def exponents(rows, variable):
    """d log|difference|/d log(variable) between neighbours."""
    keys = ("four_minus_full", "three_minus_full", "covariance_drift", "triple_excess")
    return {
        key: [round(float(np.log(b[key] / a[key]) / np.log(b[variable] / a[variable])), 2) for a, b in pairwise(rows)]
        for key in keys
        if all(a[key] * b[key] > 0.0 for a, b in pairwise(rows))
    }


def order():
    result = {}
    for name, sign in (("repulsive", 1.0), ("attractive", -1.0)):
        rows = [compared(sign * strength, 1.0) for strength in (0.5, 1.0, 2.0, 4.0)]
        result[name] = {"rows": rows, "order_in_V0": exponents(rows, "V0")}
    rows = [compared(2.0, length) for length in (0.25, 0.5, 1.0)]
    result["lengths"] = {"rows": rows, "order_in_a": exponents(rows, "a")}
    return result


print(json.dumps({"cost": cost, "memory": memory, "order": order}[sys.argv[1]](), indent=1))
