"""Bosons: the thermal state of the hierarchy, and the case of runs/ at reduced size."""

from pathlib import Path

import numpy as np
import pytest
from conftest import whole_pair
from petsc4py import PETSc
from test_integrate import thermal_pair_function

import gbbgky_petsc as gb
from gbbgky_petsc.physics.models import LiebLiniger
from gbbgky_petsc.physics.potential import Gaussian, Potential
from gbbgky_petsc.physics.states import Thermal
from gbbgky_petsc.solvers.integrator import Integrator

CASE = Path(__file__).parent.parent / "runs" / "lieb_liniger_dipolar.toml"


@pytest.mark.parametrize("order", ["leading", "collective"])
def test_thermal_state_grows_its_correlations(small, order):
    """From g = 0 to -beta V c x c, screened with `collective`; number, momentum and energy stay, and so does rho."""
    beta = 0.8
    h = small("absorbing", order, model=LiebLiniger(1.0), state=Thermal(0.3, beta), theta_max=6.0, theta_points=36,
              z_max=72.0, z_spacing=6.0, potential=Potential(Gaussian(), 0.005, 8.0), comm=PETSc.COMM_SELF)  # fmt: skip
    expected = thermal_pair_function(h, beta, with_collective=order == "collective")
    reports = []
    with Integrator(h, h.start(), options={"pc_python_type": "normal_modes", "ts_adapt_dt_max": 4000.0}) as integrator:
        integrator.run(40000.0, (), reports.append)
        g = whole_pair(h, integrator.state.array_r)
        assert np.abs(g - expected).max() < 2e-4 * np.abs(expected).max()
    for name in ("density", "momentum", "total_energy"):
        assert np.ptp([getattr(report.measurement, name) for report in reports]) < 1e-14, name
    rho = reports[-1].measurement.rho
    assert np.abs(rho - h.initial_rho).max() < 1e-6 * h.initial_rho.max()


def test_dipolar_case_at_reduced_size():
    """The split state of docs/lieb_liniger.md, potential with kink and tail: hierarchy, eq. (10), coherent."""
    small = ("mesh.theta_max=8.0", "mesh.theta_points=40", "mesh.z_max=10.0", "mesh.z_spacing=0.5",
             "output={series_every=0.25}")  # fmt: skip
    series = gb.run(gb.load_case(CASE, (*small, "time.end=1.0"))).series
    energy = series["total_energy"]
    assert np.ptp(energy) < 1e-13 * energy[0] and series["kinetic_energy"][-1] > energy[0] + 1e-3
    assert series["kurtosis"][-1] > series["kurtosis"][0]
    for kind in ("landau", "coherent"):
        coarse = (f"kinetic={{kind='{kind}',tolerance=1e-2}}", "time.end=20.0", "output={series_every=10.0}")
        series = gb.run(gb.load_case(CASE, (*small, *coarse)), kinetic=True).series
        assert np.ptp(series["kinetic_energy"]) < 1e-12
        assert series["kurtosis"][-1] > series["kurtosis"][0]
