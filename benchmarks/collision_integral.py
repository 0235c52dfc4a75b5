"""How accurate and how fast is the collision integral? Tables in k and theta, slopes of a hierarchy run, flops.

    .venv/bin/python benchmarks/collision_integral.py RESULT.h5 [T]

RESULT.h5 is a finished `gbbgky run` with output.series_every and snapshots_at; T picks the snapshot (default: the last
but one). All rates are those of the kurtosis. Prints JSON. Run it on one rank: the bound is that of one core.
"""

import json
import sys
import time
from pathlib import Path

import petsc4py

petsc4py.init(sys.argv[:1])

import dataclasses

import numpy as np

from gbbgky_petsc import case as case_file
from gbbgky_petsc.collisions import build
from gbbgky_petsc.collisions.meshes import MeshPair
from gbbgky_petsc.physics.observables import kurtosis_rate
from gbbgky_petsc.store.reader import read


def resampled(rho, mesh, points):
    """rho on a finer or coarser theta-mesh, by its Fourier interpolant."""
    n, fine = mesh.theta_points, dataclasses.replace(mesh, theta_points=points)
    modes = np.fft.fftfreq(n, 1.0 / n)
    phase = 2j * np.pi * (fine.theta[:, None] - mesh.theta[0]) / (2.0 * mesh.theta_max)
    return fine, (np.exp(phase * modes) @ (np.fft.fft(rho) / n)).real


def gauss_table(model, potential, mesh, rho):
    """Rate by n Gauss nodes on [0, 16/xi], relative to the converged one."""
    from gbbgky_petsc.collisions.wavenumbers import Correlations, State

    pair = MeshPair(mesh, True)
    correlations = Correlations(pair, State.of(model, pair, rho), False)
    rates = {}
    for n in (8, 12, 16, 20, 24, 32, 64):
        x, w = np.polynomial.legendre.leggauss(n)
        k, weights = 8.0 / potential.range * (1.0 + x), 8.0 / potential.range * w
        force, _ = correlations.moments(k, potential.fourier(k))
        rates[n] = kurtosis_rate(mesh.theta, rho, pair.derivative @ (weights @ force) / np.pi)
    return {n: rates[n] / rates[64] - 1.0 for n in rates if n < 64}


def theta_table(model, potential, mesh, rho):
    """Landau and screened rates on plain and on staggered meshes."""
    table = {}
    for points in (24, 32, 48, 64, 96):
        fine, density = resampled(rho, mesh, points)
        table[points] = {
            f"{kind}, {'staggered' if staggered else 'plain'}": kurtosis_rate(
                fine.theta, density, build(kind, model, potential, fine, staggered=staggered)(density).rate
            )
            for kind in ("landau", "screened")
            for staggered in (False, True)
        }
    return table


def slopes(model, potential, mesh, rho, result, at, closure):
    """Rates by kind on the mesh of the run, plain as it is, against its slope; with the first memory correction too."""
    s = result.series
    i = int(np.clip(np.abs(s["t"] - at).argmin(), 1, len(s["t"]) - 2))
    slope = float((s["kurtosis"][i + 1] - s["kurtosis"][i - 1]) / (s["t"][i + 1] - s["t"][i - 1]))
    report = {"t": at, "hierarchy": slope}
    for kind in ("landau", "screened", "full"):
        plain = None if kind == "full" else False
        collisions = build(kind, model, potential, mesh, staggered=plain, closure=closure)
        began = time.perf_counter()
        integral = collisions(rho)
        report[kind] = kurtosis_rate(mesh.theta, rho, integral.rate)
        report[f"{kind} effort, seconds"] = (integral.effort, time.perf_counter() - began)
        report[f"{kind} defects of N, P, E"] = integral.defects
        report[f"{kind} interaction energy"] = integral.interaction_energy
        if kind != "full":
            delayed = np.linalg.solve(np.eye(rho.size) - collisions.retardation(rho), integral.rate)
            report[f"{kind} with memory"] = kurtosis_rate(mesh.theta, rho, delayed)
    return report


def speed(model, potential, mesh, rho):
    """Seconds of one evaluation, and its share spent on the flops that cannot be avoided: the eigen-decompositions."""
    table = {}
    for points in (48, 100):
        fine, density = resampled(rho, mesh, points)
        collisions = build("landau", model, potential, fine)
        collisions(density)
        began = time.perf_counter()
        nodes = collisions(density * (1.0 + 1e-9)).effort
        seconds = time.perf_counter() - began
        M = np.random.default_rng(0).standard_normal((8, points, points)) * (1.0 + 1.0j)
        began = time.perf_counter()
        np.linalg.eig(M)
        bound = (time.perf_counter() - began) / 8 * 2 * nodes  # two meshes
        began = time.perf_counter()
        collisions.derivative(density * (1.0 + 1e-9))
        table[points] = {"wavenumbers": nodes, "seconds": seconds, "eigen_seconds": bound, "share": bound / seconds,
                         "derivative_seconds": time.perf_counter() - began,
                         "gflops": 2 * nodes * 100.0 * points**3 / seconds / 1e9}  # fmt: skip
    return table


def main():
    result = read(Path(sys.argv[1]))
    case = case_file.parse(case_file.tree_of(result.attributes["case"]))
    model, potential, mesh = case.model.build(), case.potential.build(Path()), case.build_mesh()
    times = result.snapshots["t"]
    chosen = int(np.abs(times - float(sys.argv[2])).argmin()) if len(sys.argv) > 2 else len(times) - 2
    rho = result.snapshots["rho"][chosen]
    report = {
        "gauss nodes in k": gauss_table(model, potential, mesh, rho),
        "theta points": theta_table(model, potential, mesh, rho),
        "slopes": slopes(model, potential, mesh, rho, result, float(times[chosen]), case.hierarchy.closure),
        "speed": speed(model, potential, mesh, rho),
    }
    print(json.dumps(report, indent=1))


main()
