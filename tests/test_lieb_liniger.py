"""Bosons through the command line: the thermal state of the hierarchy, and the case of runs/ at reduced size."""

import json
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np

from gbbgky_petsc import case as case_file
from gbbgky_petsc import problem

CASE = Path(__file__).parent.parent / "runs" / "lieb_liniger_dipolar.toml"


def gbbgky(command, target, *assignments):
    words = [word for assignment in assignments for word in ("--set", assignment)]
    done = subprocess.run(
        [sys.executable, "-m", "gbbgky_petsc", command, str(CASE), "-o", str(target), *words],
        capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return h5py.File(target)


def test_thermal_state_grows_its_correlations(tmp_path):
    """From g = 0 to -beta V c x c, screened; number, momentum and energy stay, and so does rho."""
    beta = 0.8
    settings = (
        "potential={kind='gaussian',strength=0.02,range=8.0}", "state={kind='thermal',density=0.5,beta=0.8}",
        "mesh={theta_max=6.0,theta_points=40,z_max=80.0,z_spacing=4.0}", "hierarchy.order=collective",
        "time.end=4000.0", "output={series_every=500.0,snapshots_at=[4000.0]}", "petsc.pc_python_type=normal_modes",
        "petsc.ts_adapt_dt_max=2000",
    )  # fmt: skip
    with gbbgky("run", tmp_path / "out.h5", *settings) as file:
        built = problem.build(case_file.parse(json.loads(file.attrs["case"])), tmp_path)
        mesh, z = built.mesh, file["mesh/z"][()]
        charge = built.model.background(mesh.theta, mesh.theta_weight, built.rho).charge
        chi, k = mesh.theta_weight * charge.sum(), np.array([0.1, 0.2, 0.3])
        V = built.potential.fourier(k)
        found = np.cos(np.outer(k, z)) @ file["snapshots/density_correlation"][-1] * (z[1] - z[0])
        np.testing.assert_allclose(found, -beta * chi**2 * V / (1.0 + beta * chi * V), rtol=0.01)
        for name in ("density", "momentum", "total_energy"):
            assert np.ptp(file[f"series/{name}"]) < 1e-14
        assert np.abs(file["snapshots/rho"][-1] - built.rho).max() < 3e-5 * built.rho.max()


def test_dipolar_case_at_reduced_size(tmp_path):
    """The split state of docs/lieb_liniger.md, potential with kink and tail: hierarchy, eq. (10), coherent."""
    small = ("mesh.theta_max=8.0", "mesh.theta_points=40", "mesh.z_max=10.0", "mesh.z_spacing=0.5", "time.end=1.0",
             "output={series_every=0.25}")  # fmt: skip
    with gbbgky("run", tmp_path / "run.h5", *small) as file:
        energy = file["series/total_energy"][()]
        assert np.ptp(energy) < 1e-13 * energy[0] and file["series/kinetic_energy"][-1] > energy[0] + 1e-3
        assert file["series/kurtosis"][-1] > file["series/kurtosis"][0]
    for kind in ("landau", "coherent"):
        coarse = (f"kinetic={{kind='{kind}',tolerance=1e-2}}",
                  "mesh.theta_max=8.0", "mesh.theta_points=40", "time.end=20.0",
                  "output={series_every=10.0}")  # fmt: skip
        with gbbgky("kinetic", tmp_path / f"{kind}.h5", *coarse) as file:
            assert np.ptp(file["series/kinetic_energy"]) < 1e-12
            assert file["series/kurtosis"][-1] > file["series/kurtosis"][0]
