"""Cost of a background (the model linearised around rho) by points and model, and how often a run asks for one.

    python benchmarks/background.py [CASE.toml [KEY=VALUE ...]]

Prints JSON: CPU milliseconds per background, and over one product of two N x N matrices; with a case, the share of
its run.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

from gbbgky_petsc import environment

environment.prepare()

import numpy as np

from gbbgky_petsc.physics.models import HardRods, IntegrableModel, LiebLiniger
from gbbgky_petsc.physics.states import BoostedThermal


def typical(work, repeats=15):
    """Median CPU seconds of several calls."""
    times = []
    for _ in range(repeats):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return float(np.median(times))


def cost(points):
    weight = 14.0 / points
    theta = (np.arange(points) + 0.5) * weight - 7.0
    matrix = np.random.default_rng(0).standard_normal((points, points))
    product = typical(lambda: matrix @ matrix, 50)
    row = {}
    for name, model, route in (
        ("rods, closed", HardRods(1.0), HardRods.background),
        ("rods, generic", HardRods(1.0), IntegrableModel.background),
        ("bosons", LiebLiniger(1.0), LiebLiniger.background),
    ):
        rho = BoostedThermal(0.2, 1.2, 0.8).sample(theta, weight, model)
        seconds = typical(lambda m=model, r=route, x=rho: r(m, theta, weight, x))
        row[name] = {"milliseconds": round(1e3 * seconds, 3), "products": round(seconds / product, 1)}
    return row


def share(path, assignments):
    """Calls of `background` in the run of a case, and their share of its time."""
    from gbbgky_petsc import case as case_file
    from gbbgky_petsc.cli import main

    kind = type(case_file.load(path, assignments).model.build(path.parent))
    plain, spent = kind.background, []

    def counted(*arguments):
        began = time.process_time()
        found = plain(*arguments)
        spent.append(time.process_time() - began)
        return found

    kind.background = counted
    words = [word for assignment in assignments for word in ("--set", assignment)]
    began = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        main(["run", str(path), "-o", f"{folder}/out.h5", *words])
    seconds = time.process_time() - began
    return {"calls": len(spent), "seconds": round(sum(spent), 3), "share": round(sum(spent) / seconds, 4)}


report = {"points": {n: cost(n) for n in (48, 96, 192)}}
if len(sys.argv) > 1:
    report["run"] = share(Path(sys.argv[1]), sys.argv[2:])
print(json.dumps(report, indent=1))
