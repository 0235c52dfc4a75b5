"""Ensembles: the same statistics on any number of ranks, error bars, bad input. Runs alone and under mpirun."""

import dataclasses
import tomllib
from pathlib import Path

import numpy as np
import pytest
from mpi4py import MPI

from gbbgky_petsc.case import MolecularDynamics, parse
from gbbgky_petsc.errors import InputError
from gbbgky_petsc.md.ensemble import Batch, Ensemble
from gbbgky_petsc.md.initial import Equilibration
from gbbgky_petsc.md.ring import Ring
from gbbgky_petsc.md.rings import RingPlan
from gbbgky_petsc.md.statistics import run, summarise
from gbbgky_petsc.physics.models import HardRods
from gbbgky_petsc.physics.potential import Potential, Power
from gbbgky_petsc.physics.states import BoostedThermal, Thermal
from gbbgky_petsc.store.writer import DYNAMICS

WORLD = MPI.COMM_WORLD
BASE = RingPlan(
    settings=MolecularDynamics(particles=100, realisations=11, seed=4),
    ring=Ring(500.0, 100, 1.0),
    state=BoostedThermal(0.2, 2.5, 1.0),
    model=HardRods(1.0),
    potential=Potential(Power(6.0), 4.0, 20.0),
    times=(0.0, 5.0, 10.0),
    structure_modes=(1, 2, 7),
    theta_edges=tuple(np.linspace(-6.0, 6.0, 25)),
)


def changed(**changes) -> RingPlan:
    """`BASE` with other fields, or other settings of the table [md]."""
    fields = {f.name for f in dataclasses.fields(RingPlan)} - {"step"}
    settings = {name: changes.pop(name) for name in list(changes) if name not in fields}
    return dataclasses.replace(BASE, settings=BASE.settings.model_copy(update=settings), **changes)


def same(one, other, tolerance=0.0) -> bool:
    columns = [(group(one)[name], values) for group in (lambda s: s.series, lambda s: s.snapshots)
               for name, values in group(other).items()]  # fmt: skip
    return all(np.allclose(a, b, rtol=tolerance, atol=tolerance, equal_nan=True) for a, b in columns)


@pytest.mark.parallel
def test_statistics_do_not_depend_on_ranks_or_batches():
    found, alone = run(BASE, WORLD, size=3), run(BASE, MPI.COMM_SELF, size=16)
    holds = found is None or same(found, alone)
    assert WORLD.allreduce(bool(holds), op=MPI.LAND)
    assert (found is None) == (WORLD.rank != 0)


@pytest.mark.parallel
def test_rings_over_all_ranks():
    """One ring over the group gives the same numbers to rounding."""
    ring = Ring(500.0 * WORLD.size, 100 * WORLD.size, 1.0)
    plan = {"ring": ring, "realisations": 2, "times": (0.0, 3.0)}
    found = run(changed(**plan, ranks_per_ring=WORLD.size), WORLD)
    alone = run(changed(**plan), MPI.COMM_SELF)
    assert WORLD.allreduce(bool(found is None or same(found, alone, 1e-9)), op=MPI.LAND)


def test_a_resumed_run_is_the_straight_run():
    ensemble = Ensemble(BASE, MPI.COMM_SELF)
    first = next(iter(ensemble.batches(size=4)))
    rest = list(ensemble.batches(size=4, done=first.realisation.tolist()))
    assert same(summarise(BASE, Batch.join([first, *rest])), run(BASE, MPI.COMM_SELF))


def test_result():
    plan = changed(realisations=64)
    batch = Batch.join(Ensemble(plan, MPI.COMM_SELF).batches())
    found = summarise(plan, batch, separation=(0.0, 30.0), filter_length=10.0)
    series, snapshots = found.series, found.snapshots
    assert abs(series["kurtosis"][0] + 25.0 / 18.0) < 4.0 * series["kurtosis_stderr"][0]
    assert abs(series["kinetic_energy"][0] - 0.6) < 4.0 * series["kinetic_energy_stderr"][0]
    assert abs(series["energy_error"][-1]) < 5e-6 and series["energy_error_rms"][-1] < 5e-5
    assert series["momentum_drift"].max() < 1e-12
    structure = snapshots["structure"]
    assert abs(structure[0] - 0.128).max() < 5.0 * snapshots["structure_stderr"][0].max()
    np.testing.assert_allclose(snapshots["structure_change"], structure - structure[0])
    np.testing.assert_allclose((snapshots["rho"] * np.diff(plan.theta_edges)).sum(axis=1), 0.2)
    weight = 2.0 / 500.0 * np.exp(-0.5 * (10.0 * plan.wavenumbers) ** 2)
    np.testing.assert_allclose(snapshots["density_correlation"][:, 0], snapshots["structure_change"] @ weight)
    assert snapshots["density_correlation_stderr"].shape == (3, 2)


def test_columns_are_those_of_the_file():
    found = run(changed(realisations=2, times=(0.0,)), MPI.COMM_SELF)
    assert {"t_rescaled", *found.series} == {*DYNAMICS.series}
    assert {"t_rescaled", *found.snapshots} == {*DYNAMICS.snapshots}


def test_jackknife_of_the_kurtosis():
    """The stated error is the spread of independent ensembles."""
    plan = {"potential": None, "times": (0.0,), "realisations": 40}
    results = [run(changed(**plan, seed=s), MPI.COMM_SELF, size=40).series for s in range(40)]
    spread = np.std([r["kurtosis"][0] for r in results], ddof=1)
    stated = np.mean([r["kurtosis_stderr"][0] for r in results])
    assert 0.7 < stated / spread < 1.4


def test_one_realisation_has_no_error_bar():
    found = run(changed(realisations=1, times=(0.0,)), MPI.COMM_SELF).series
    assert np.isnan(found["kurtosis_stderr"]).all() and np.isnan(found["kinetic_energy_stderr"]).all()


def test_reference_integrator():
    ring = Ring(90.0, 8, 1.0)
    plan = {"ring": ring, "times": (0.0, 0.2), "realisations": 1, "structure_modes": (1,)}
    exact = run(changed(**plan, integrator="reference"), MPI.COMM_SELF)
    found = run(changed(**plan, step=0.01), MPI.COMM_SELF)
    np.testing.assert_allclose(found.series["kinetic_energy"], exact.series["kinetic_energy"], atol=1e-6)


def test_thermal_start():
    state = Thermal(0.2, 1.0)
    plan = changed(state=state, realisations=30, equilibrate=True, equilibration=Equilibration(3, 10.0))
    found = run(plan, MPI.COMM_SELF, size=30).series
    assert abs(found["kinetic_energy"][0] - 0.5) < 4.0 * found["kinetic_energy_stderr"][0]


def test_thermal_structure_with_the_potential():
    """S_k = chi/(1 + beta chi V~(k)), chi = rho (1 - a rho)^2: stays there, and is not that of the bare rods."""
    potential, beta, times = Potential(Power(6.0), 2.0, 10.0), 1.0, (0.0, 30.0)
    ring, state = Ring(100.0, 20, 1.0), Thermal(0.2, beta)
    plan = changed(ring=ring, state=state, potential=potential, times=times, realisations=400,
                   structure_modes=(1, 2, 3), equilibrate=True)  # fmt: skip
    found = run(plan, MPI.COMM_SELF, size=100)
    bare = 0.2 * 0.8**2
    expected = bare / (1.0 + beta * bare * potential.fourier(plan.wavenumbers))
    structure, error = found.snapshots["structure"], found.snapshots["structure_stderr"]
    assert (np.abs(structure - expected) < 4.0 * error).all()
    assert (bare - structure[:, 0] > 6.0 * error[:, 0]).all()
    energy = found.series["interaction_energy"][1], found.series["interaction_energy_stderr"][1]
    assert abs(energy[0]) < 4.0 * energy[1]


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"ranks_per_ring": 2}, "md.ranks_per_ring = 2"),
        ({"equilibrate": True}, "md.equilibrate = True"),
        ({"times": ()}, "md.times = []"),
        ({"times": (1.0, 0.5)}, "md.times = [1.0, 0.5]"),
        ({"structure_modes": (0,)}, "md.structure_modes = [0]"),
        ({"theta_edges": (1.0,)}, "md.theta_edges = [1.0]"),
        ({"model": HardRods(2.0)}, "md.model"),
    ],
)
def test_bad_plans(changes, key):
    with pytest.raises(InputError) as caught:
        changed(**changes)
    assert key in str(caught.value) and "allowed" in str(caught.value) and "\n" not in str(caught.value)


def test_bad_layout():
    plan = changed(ring=Ring(5000.0, 1000, 1.0), ranks_per_ring=2)
    with pytest.raises(InputError, match=r"md\.ranks_per_ring = 2: allowed: divisors of the 1 ranks"):
        Ensemble(plan, MPI.COMM_SELF)
    with pytest.raises(InputError, match=r"md\.ring = 60"):
        Ensemble(changed(ring=Ring(60.0, 10, 1.0)), MPI.COMM_SELF)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("realisations", 0),
        ("seed", -1),
        ("step", 0.0),
        ("integrator", "euler"),
        ("ranks_per_ring", 0),
        ("force_tolerance", 0.0),
    ],
)
def test_bad_settings(key, value):
    case = tomllib.loads((Path(__file__).parents[1] / "runs/fig2_phi6_quick.toml").read_text())
    case["md"][key] = value
    with pytest.raises(InputError) as caught:
        parse(case)
    assert f"md.{key} = {value!r}" in str(caught.value) and "\n" not in str(caught.value)
