"""How close do the correlations of a thermal run come to their equilibrium, and how fast?

    .venv/bin/gbbgky run runs/thermal.toml -o RESULT.h5 [--set hierarchy.order=collective]
    .venv/bin/python benchmarks/thermal_state.py RESULT.h5

Compares the density correlation at the snapshots, and g and rho at the end (from the checkpoint), with
-beta V c c, or G_k = -beta V_k/(1 + beta chi V_k) c c if the run kept the collective term. The decay towards it is
compared with the lowest eigenvalue of eta - 2 D d^2/dz^2, D the smallest diagonal element of diffusion: the rate for
pairs of one velocity, which have no forcing and do not part. Prints JSON.
"""

import json
import sys
from pathlib import Path

import numpy as np

from gbbgky_petsc import case as case_file
from gbbgky_petsc import problem
from gbbgky_petsc.discrete.kronecker import stencil_matrix
from gbbgky_petsc.store.checkpoint import block_path
from gbbgky_petsc.store.reader import read, read_checkpoint


def equilibrium_profile(built, chi):
    """(Nz,) the z-dependence of the equilibrium g; chi = 0 without the collective term."""
    mesh, beta = built.mesh, built.case.state.beta
    line = (np.arange(8192) - 4096) * mesh.z_spacing
    V_k = mesh.z_spacing * np.fft.rfft(np.fft.ifftshift(built.potential(line))).real
    profile = np.fft.fftshift(np.fft.irfft(-beta * V_k / (1.0 + beta * chi * V_k), n=line.size)) / mesh.z_spacing
    return profile[np.searchsorted(line, mesh.z)]


def main():
    path = Path(sys.argv[1])
    result = read(path)
    built = problem.build(case_file.parse(case_file.tree_of(result.attributes["case"])), path.parent)
    mesh = built.mesh
    background = built.model.background(mesh.theta, mesh.theta_weight, built.rho)
    c = background.charge
    chi = mesh.theta_weight * c.sum()
    profile = equilibrium_profile(built, chi if built.case.hierarchy.order == "collective" else 0.0)
    density = profile * chi**2
    point = read_checkpoint(path)
    g = np.fromfile(block_path(path, point.number)).reshape(-1, c.size, c.size)  # z <= 0
    g -= profile[: len(g), None, None] * c[:, None] * c[None, :]
    t = result.snapshots["t"]
    error = np.abs(result.snapshots["density_correlation"] - density).max(axis=1) / np.abs(density).max()
    D = np.diag(background.diffusion).min()
    slow = np.diag(mesh.absorption) - 2.0 * D * stencil_matrix(mesh.stencil.second, mesh.z_points, mesh.wraps)
    report = {
        "order": built.case.hierarchy.order,
        "error_of_density_correlation": {f"{a:g}": float(f"{e:.3g}") for a, e in zip(t, error, strict=True)},
        "error_of_g": float(np.abs(g).max() / (np.abs(profile).max() * c.max() ** 2)),
        "change_of_rho": float(np.abs(point.arrays["one_body"][:-1] - built.rho).max() / built.rho.max()),
        "decay_rates": [float(r) for r in np.log(error[:-1] / error[1:]) / np.diff(t)],
        "slowest_rate_of_theory": float(np.linalg.eigvalsh(slow)[0]),
        "seconds": float(result.attributes["wall_seconds"]),
    }
    print(json.dumps(report, indent=1))


main()
