"""Integrators side by side: how far a run is from the one with tightened tolerances, and what it takes.

    .venv/bin/python benchmarks/integrators.py runs/fig2_phi6_quick.toml 8200 [NAME ...] [key=value ...] [-OPTION]

Integrates the case to the given time with each of the named -ts_type, by default rosw and two_step, at their own
defaults, and with rosw at half its largest step, a tenth of the error per step and -ksp_rtol 1e-3. Deviations are the
largest of the kurtosis and of rho (relative to its maximum) at fifteen times from 0.2 % of the whole on. Seconds are
CPU time of one rank. Prints JSON.
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

import numpy as np

from gbbgky_petsc import case as case_file
from gbbgky_petsc import problem
from gbbgky_petsc.commands.hierarchy import hierarchy_of
from gbbgky_petsc.solvers.integrator import Integrator

#: where runs are compared, in shares of the whole
SHARES = (0.002, 0.005, 0.01, 0.02, 0.05, *(k / 10 for k in range(1, 11)))


def run(built, end, options):
    """What a run takes, kurtosis at each of `SHARES`, and rho there."""
    hierarchy, times = hierarchy_of(built), [end * share for share in SHARES]
    reports, start = [], time.process_time()
    with Integrator(hierarchy, hierarchy.initial_vector(built.rho), 0.0, end, options) as integrator:
        integrator.run(end, times[:-1], reports.append)
        cost = {
            "steps": integrator.ts.getStepNumber(),
            "krylov_iterations": integrator.krylov_iterations,
            "cpu_seconds": round(time.process_time() - start, 2),
        }
    at = {report.t: report.measurement for report in reports}
    energy = np.array([report.measurement.total_energy for report in reports])
    cost["energy_drift"] = float(np.abs(energy / energy[0] - 1.0).max())
    return cost, np.array([at[t].kurtosis for t in times]), np.array([at[t].rho for t in times])


def tightened(built):
    """Options of the run that the others are compared with."""
    hierarchy = hierarchy_of(built)
    longest = float(hierarchy.presets(hierarchy.initial_vector(built.rho), "rosw")["ts_adapt_dt_max"])
    allowed = 0.1 * hierarchy.rho_tolerance * float(built.rho.max())
    return {"ts_type": "rosw", "ts_adapt_dt_max": 0.5 * longest, "ts_atol": allowed, "ksp_rtol": 1e-3}


def main():
    path, end, *words = sys.argv[1:_split]
    names = [word for word in words if "=" not in word] or ["rosw", "two_step"]
    built = problem.build(case_file.load(Path(path), [word for word in words if "=" in word]), Path(path).parent)
    cost, kurtosis, rho = run(built, float(end), tightened(built))
    report = {"tightened": cost | {"kurtosis": kurtosis[-1]}}
    for name in names:
        cost, found, its_rho = run(built, float(end), {"ts_type": name})
        off = np.abs(found - kurtosis)
        report[name] = cost | {
            "kurtosis": found[-1],
            "kurtosis_off": float(off.max()),
            "at_time": float(end) * SHARES[int(off.argmax())],
            "kurtosis_off_at_the_end": float(off[-1]),
            "rho_off": float(np.abs(its_rho - rho).max() / rho.max()),
        }
    print(json.dumps(report, indent=1))


main()
