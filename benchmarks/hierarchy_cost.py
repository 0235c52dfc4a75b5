"""What a run of the hierarchy costs: time to solution, parts of an iteration against their bound, iterations by step.

    .venv/bin/python benchmarks/hierarchy_cost.py runs/fig2_phi6_quick.toml 8200 [key=value ...] [PETSc options]
    mpirun -n 2 .venv/bin/python benchmarks/hierarchy_cost.py ...

Prints JSON. Times are CPU seconds of rank 0, which a busy machine hardly changes (under mpirun they count waiting). The
bound of a part is the larger of its flops over the rate of a matrix product and its bytes over the rate of a copy, both
measured here; a part at 1 cannot be faster with the same algorithm. `predicted_speedup` is that of an iteration, from
that of one rank: parts scale with the share of planes, the two exchanges of the preconditioner send the whole g
twice each way over ranks at `BANDWIDTH` bytes/s a rank and `LATENCY` s a message, halos 2 w planes, reductions
log2 P messages per Krylov vector; it knows neither contention nor imbalance.
"""

import json
import math
import sys
import time
from pathlib import Path

from gbbgky_petsc import environment

environment.prepare()

import petsc4py

_split = next((i for i, word in enumerate(sys.argv) if word.startswith("-")), len(sys.argv))
petsc4py.init([sys.argv[0], *sys.argv[_split:]])

import numpy as np
from petsc4py import PETSc

from gbbgky_petsc import case as case_file
from gbbgky_petsc import problem
from gbbgky_petsc.commands.hierarchy import hierarchy_of
from gbbgky_petsc.fields import PAIR, Rate
from gbbgky_petsc.solvers.integrator import Integrator

STEPS = (50.0, 200.0, 800.0)
BANDWIDTH, LATENCY = 1e9, 2e-6  # of a rank, a few years old network shared by a node's ranks


def best(action, repeats=5):
    """Least CPU seconds of several goes; the first is for compiling."""
    action()
    spent = []
    for _ in range(repeats):
        start = time.process_time()
        action()
        spent.append(time.process_time() - start)
    return min(spent)


def machine(n):
    """Flops per second of products of (N, N) matrices and bytes per second of a copy, on one core."""
    a, b = np.random.default_rng(1).standard_normal((2, 16, n, n))
    out, big = np.empty_like(a), np.zeros(4_000_000)
    flops = 16 * 2 * n**3 / best(lambda: np.matmul(a, b, out=out))
    return flops, big.nbytes / best(lambda: np.copyto(big[: big.size // 2], big[big.size // 2 :]))


def solve(built, end, options=None):
    """One run: steps, iterations, CPU and wall seconds, kurtosis, drift of the energy."""
    hierarchy = hierarchy_of(built)
    measured = []
    with Integrator(hierarchy, hierarchy.initial_vector(built.rho), options=options) as integrator:
        cpu, wall = time.process_time(), time.perf_counter()
        integrator.run(end, [], lambda p: measured.append(p.measurement))
        steps, iterations = integrator.ts.getStepNumber(), integrator.krylov_iterations
        return {
            "steps": steps,
            "krylov_iterations": iterations,
            "per_step": round(iterations / steps, 1),
            "cpu_seconds": round(time.process_time() - cpu, 2),
            "wall_seconds": round(time.perf_counter() - wall, 2),
            "kurtosis": measured[-1].kurtosis,
            "energy_drift": measured[-1].total_energy / measured[0].total_energy - 1.0,
        }


def parts(built):
    """Milliseconds of each term and of one preconditioning on random numbers, and bounds where g is passed once."""
    hierarchy = hierarchy_of(built)
    fields, x = hierarchy.fields, hierarchy.initial_vector(built.rho)
    fields.part(x.array_w, PAIR)[...] = np.random.default_rng(2).standard_normal(fields.slab().shape)
    f = x.duplicate()
    flops, copy = machine(built.mesh.theta_points)
    one_pass = 2 * 8 * fields.slab().local_size / copy

    def term_time(term):
        def act():
            state = fields.read(x.array_r)
            state.moments, state.haloed  # noqa: B018 (shared by all terms: not counted to one of them)
            start = time.process_time()
            term.add(hierarchy.at(state.rho), state, Rate(fields, f.array_w))
            return time.process_time() - start

        act()
        return min(act() for _ in range(5))

    times = {name: term_time(term) for name, term in hierarchy.terms.items()}
    times["whole right-hand side"] = best(lambda: hierarchy.rhs(None, 0.0, x, f))
    with Integrator(hierarchy, x) as integrator:
        integrator.run(0.01, [], lambda p: None)
        pc = integrator.ts.getSNES().getKSP().getPC()
        times["preconditioner"] = best(lambda: pc.apply(x, f))
        pc_name = integrator.preconditioner.name
    planes, n = fields.slab().shape[0], built.mesh.theta_points
    products = 2 * 2 * n**3 * planes / flops  # contact: g d_theta and d_theta g remain dense
    bounds = dict.fromkeys(times, one_pass) | {"contact": max(one_pass, products)}
    bounds["whole right-hand side"] = max(one_pass, products)
    bounds["preconditioner"] = 3 * one_pass  # to modes, lines, back
    return {
        "preconditioner": pc_name,
        "gflops": round(flops / 1e9, 1),
        "copy_gb_per_s": round(copy / 1e9, 1),
        "parts": {
            name: {"ms": round(1e3 * t, 2), "over_bound": round(t / bounds[name], 1)} for name, t in times.items()
        },
    }, times["whole right-hand side"] + times["preconditioner"]


def predicted(built, iteration, ranks, vectors=10):
    """Seconds of an iteration on many ranks, see the top."""
    if ranks == 1:
        return iteration
    size = 4 * (built.mesh.z_points // 2 + 1) * built.mesh.theta_points**2  # lines go in single precision
    halo = 2 * built.mesh.stencil.width * 8 * built.mesh.theta_points**2
    transposes = 2 * (2 * size / ranks / BANDWIDTH + ranks * LATENCY)
    halos = halo / BANDWIDTH + 2 * LATENCY
    return iteration / ranks + transposes + halos + vectors * math.log2(ranks) * LATENCY


def main():
    path, end, *assignments = sys.argv[1:_split]

    def build(*more):
        return problem.build(case_file.load(Path(path), [*assignments, *more]), Path(path).parent)

    built = build()
    split, iteration = parts(built)
    report = {"ranks": PETSc.COMM_WORLD.getSize(), "split": split, "to_solution": solve(built, float(end))}
    report["by_largest_step"] = {
        kind: {
            f"{step:g}": solve(built, float(end), {"ts_type": kind, "ts_adapt_dt_max": step, "ts_atol": 1e-3})
            for step in STEPS
        }
        for kind in ("rosw", "two_step")
    }
    n, dz = built.mesh.theta_points, built.mesh.z_spacing
    twice_theta = parts(build(f"mesh.theta_points={2 * n}"))[1]
    twice_z = parts(build(f"mesh.z_spacing={dz / 2}"))[1]
    report["growth_exponents"] = {
        "theta_points": round(math.log2(twice_theta / iteration), 2),
        "z_points": round(math.log2(twice_z / iteration), 2),
    }
    if PETSc.COMM_WORLD.getSize() == 1:
        most = min(built.mesh.z_points // 2 + 1, n)
        ranks = [r for r in (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024) if r <= most]
        report["predicted_speedup"] = {r: round(iteration / predicted(built, iteration, r), 1) for r in ranks}
        report["most_ranks"] = most
    if PETSc.COMM_WORLD.getRank() == 0:
        print(json.dumps(report, indent=1))


main()
