"""Every kind of gas at the least size: hierarchy, kinetic equation, collision operators, pictures."""

import numpy as np
import pytest
from processes import RUNS

import gbbgky_petsc as gb
from gbbgky_petsc.analysis import plots
from gbbgky_petsc.collisions import kinds
from gbbgky_petsc.commands.kinetic import start_from
from gbbgky_petsc.errors import InputError
from gbbgky_petsc.physics import observables

GASES = {
    "rods": {"kind": "hard_rods", "length": 1.0},
    "classical": {"kind": "free"},
    "bosons": {"kind": "free", "statistics": "bosonic"},
    "fermions": {"kind": "free", "statistics": "fermionic"},
    "contact": {"kind": "lieb_liniger", "coupling": 1.0},
    "custom": {
        "kind": "custom",
        "source": f"{RUNS / 'bethe_gas.py'}:BetheGas",
        "parameters": {"amplitude": -1.0, "width": 1.0},
    },
}
CASE = {
    "potential": {"kind": "gaussian", "strength": 0.5, "range": 8.0},
    "state": {"kind": "split", "density": 0.2, "beta": 1.5, "boost": 1.0},
    "mesh": {"theta_max": 5.0, "theta_points": 22, "z_max": 48.0, "z_spacing": 6.0},
    "kinetic": {"kind": "coherent", "tolerance": 1e-2},
    "time": {"end": 20.0},
    "output": {"series_every": 10.0, "snapshots_at": [0.0, 20.0]},
}
#: without contact interaction nothing relaxes at first order, and modes of the mesh stay undamped
IDEAL = ("classical", "bosons", "fermions")
#: what an operator refuses, by words of its reason
REFUSED = {("screened", gas): "nothing damps" for gas in IDEAL} | {
    ("three_body", gas): "is classical" for gas in ("bosons", "fermions", "contact", "custom")
}


def problem(name, **changes):
    return gb.build(gb.load_case(CASE | {"model": GASES[name]} | changes))


@pytest.mark.parametrize("name", GASES)
def test_hierarchy_and_kinetic_equation(name, tmp_path):
    """Number, momentum and energy to rounding; the ideal gases are blocked."""
    for kinetic in (False, True):
        result = gb.run(problem(name), tmp_path / f"{kinetic}.h5",
                        kinetic=kinetic)  # fmt: skip
        series, energy = result.series, result.series["kinetic_energy"]
        for column in ("density", "momentum", "kinetic_energy" if kinetic else "total_energy"):
            assert np.ptp(series[column]) < 1e-13 * energy[0], column
        assert series["t"][-1] == 20.0 and len(result.snapshots["t"]) == 2
        assert kinetic or energy[-1] > energy[0]  # repulsion turns into motion
        faster = np.diff(series["kurtosis"])
        assert np.all(faster == 0.0) if kinetic and name in IDEAL else np.all(faster > 0.0)


@pytest.mark.parametrize("name", GASES)
def test_every_collision_operator(name):
    """A rate from each or its reason; ideal gases are blocked at first order, `full` up to ends and tolerance."""
    p = problem(name)
    slopes = {}
    for kind, operator in kinds().items():
        if (kind, name) in REFUSED:
            with pytest.raises(InputError, match=REFUSED[kind, name]):
                operator(p.model, p.potential, p.mesh)(p.rho)
            continue
        found = operator(p.model, p.potential, p.mesh, tolerance=1e-4 if kind == "full" else 1e-2)(p.rho)
        slopes[kind] = observables.kurtosis_rate(p.mesh.theta, p.rho, found.rate)
    if name in IDEAL:
        assert slopes.pop("landau") == slopes.pop("coherent") == 0.0
        assert abs(slopes.pop("full")) < 1e-7
    assert all(slope > 1e-7 for slope in slopes.values()), slopes


@pytest.mark.parametrize("name", ["bosons", "custom"])
def test_picture(name, tmp_path):
    plots.figure([gb.run(problem(name), tmp_path / "out.h5")], tmp_path / "out.png")
    assert (tmp_path / "out.png").stat().st_size > 10_000


def test_start_from_a_result_of_the_same_gas(tmp_path):
    """A module's class is the same again; a coupling that holds the delta function of dipoles is another."""
    module = {"kind": "custom", "source": "gbbgky_petsc.physics.models:LiebLiniger", "parameters": {"coupling": 1.0}}
    for model in (module, GASES["contact"]):
        result = gb.run(gb.load_case(CASE | {"model": model}), tmp_path / f"{model['kind']}.h5", kinetic=True)
        later = gb.build(gb.load_case(CASE | {"model": model, "time": {"end": 30.0}}))
        started, t = start_from(later, tmp_path / f"{model['kind']}.h5", 20.0)
        assert t == 20.0 and np.abs(started.rho - later.rho).max() > 1e-6 * later.rho.max()
        np.testing.assert_array_equal(started.rho, result.snapshots["rho"][-1])
    dipoles = {"kind": "dipolar", "strength": 0.3, "range": 8.0, "delta_in_coupling": True}
    other = problem("contact", potential=dipoles, time={"end": 30.0})
    with pytest.raises(InputError, match=r"--from .*allowed: that of the case, .* c = 0\.6: 1 of model\.coupling"):
        start_from(other, tmp_path / "lieb_liniger.h5", 20.0)
