"""What a limiter does to Casimirs: upwind differences of order 7 against WENO5, a split cloud of rods over two periods.

    python benchmarks/flow_schemes.py [POINTS RAPIDITIES END]

The same right-hand side, mesh and time steps; only d_x(v rho) and d_theta(F rho) change.
"""

import sys
import time
from pathlib import Path

from gbbgky_petsc import environment

environment.prepare()

import numba
import numpy as np
import petsc4py

petsc4py.init(["flow_schemes"])
from petsc4py import PETSc

from gbbgky_petsc import case
from gbbgky_petsc.flow import problem
from gbbgky_petsc.flow.equation import FlowEquation
from gbbgky_petsc.flow.integrate import FlowIntegrator


@numba.njit(fastmath=True)
def face(a, b, c, d, e):
    """WENO5 value at the face behind c (Jiang, Shu 1996)."""
    b0 = 13 / 12 * (a - 2 * b + c) ** 2 + 0.25 * (a - 4 * b + 3 * c) ** 2
    b1 = 13 / 12 * (b - 2 * c + d) ** 2 + 0.25 * (b - d) ** 2
    b2 = 13 / 12 * (c - 2 * d + e) ** 2 + 0.25 * (3 * c - 4 * d + e) ** 2
    w0, w1, w2 = 0.1 / (1e-40 + b0) ** 2, 0.6 / (1e-40 + b1) ** 2, 0.3 / (1e-40 + b2) ** 2
    total = w0 * (2 * a - 7 * b + 11 * c) + w1 * (-b + 5 * c + 2 * d) + w2 * (2 * c + 5 * d - e)
    return total / (6 * (w0 + w1 + w2))


@numba.njit
def limited(flux, forward, inverse, out):
    """out -= d(flux) along the first axis; flux has three ghosts either side, ``forward`` (faces, N) its direction."""
    for j in range(out.shape[1]):
        last = 0.0
        for i in range(out.shape[0] + 1):
            r = i + 2
            if forward[i, j]:
                value = face(flux[r - 2, j], flux[r - 1, j], flux[r, j], flux[r + 1, j], flux[r + 2, j])
            else:
                value = face(flux[r + 3, j], flux[r + 2, j], flux[r + 1, j], flux[r, j], flux[r - 1, j])
            if i > 0:
                out[i - 1, j] -= inverse * (value - last)
            last = value


class Limited:
    """Streaming and push by WENO5, in the place of both terms."""

    ghosts = 4

    def __init__(self, p, terms):
        self._p, self._terms = p, terms

    def add(self, local, out):
        out[:] = 0.0
        v, rho = local.v[1:-1], local.rho[1:-1]
        limited(v * rho, v[2:-3] + v[3:-2] > 0.0, 1.0 / self._p.space.spacing, out)
        own = local.rho[4:-4].T * local.force
        turned, forward = np.zeros_like(own), np.broadcast_to(local.force > 0.0, (own.shape[0] + 1, own.shape[1]))
        limited(np.pad(own, ((3, 3), (0, 0))), forward, 1.0 / self._p.theta_weight, turned)
        out += turned.T

    def rates(self, local):
        return sum(term.rates(local)[0] for term in self._terms), 0.0


def main(*words):
    """Places, rapidities and end of one run, or those of the comparison."""
    meshes, end = (((96, 48), (192, 96)), 251.3) if not words else (((int(words[0]), int(words[1])),), float(words[2]))
    for points, rapidities in meshes:
        tree = {
            "model": {"kind": "hard_rods", "length": 1.0},
            "potential": {"kind": "gaussian", "strength": 0.0, "range": 3.0},
            "state": {"kind": "trapped", "number": 8.0, "beta": 2.0, "boost": 2.0},
            "trap": {"kind": "harmonic", "frequency": 0.05},
            "mesh": {"theta_max": 7.0, "theta_points": rapidities},
            "space": {"x_max": 150.0, "points": points},
            "time": {"end": end},
        }
        p = problem.build(case.parse(tree), Path())
        for name in ("upwind", "WENO5"):
            with FlowEquation(p, PETSc.COMM_SELF) as equation:
                if name == "WENO5":
                    equation.terms = [Limited(p, equation.terms)]
                with FlowIntegrator(equation, p.rho, 0.0) as integrator:
                    before, began = equation.measure(integrator.state, 0.0), time.perf_counter()
                    integrator.advance(p.end)
                    after = equation.measure(integrator.state, p.end)
            print(
                f"{points} x {rapidities} {name:7s} dS/S {after.entropy / before.entropy - 1.0:.1e} "
                f"dE/E {after.total_energy / before.total_energy - 1.0:.1e} negative {after.negative:.1e} "
                f"{time.perf_counter() - began:.1f} s"
            )


if __name__ == "__main__":
    main(*sys.argv[1:])
