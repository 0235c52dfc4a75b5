"""Runs that mean nothing any more end with the reason, the last good state saved; doubtful ones carry a warning."""

import os
import signal
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
from processes import CASE, await_file, gbbgky, sets, started
from test_cli import rings

from gbbgky_petsc import case as case_file
from gbbgky_petsc import environment, problem
from gbbgky_petsc.commands.watch import DRIFT, EDGE, NEGATIVE, Watch
from gbbgky_petsc.equations.measurement import Measurement
from gbbgky_petsc.errors import StateError


@pytest.fixture(scope="module")
def built():
    return problem.build(case_file.load(CASE, ["mesh.theta_points=36", "mesh.theta_max=5.0"]), CASE.parent)


def measured(built, rho):
    mesh, nothing = built.mesh, np.zeros_like(rho)
    return Measurement(built.model, mesh.theta, mesh.theta_weight, rho, 0.0, 0.0, nothing, 0.0, nothing)


def watch_of(built, **integrator):
    told = {"is_implicit": False, "type": "rk", "equation": SimpleNamespace(prefix="", conserves=True)}
    told["krylov_iterations"] = 0
    ts = SimpleNamespace(getTimeStep=lambda: 5.0)
    return Watch(built, SimpleNamespace(ts=ts, should_move=lambda: True, **told | integrator), "kinetic_energy")


def at(measurement, number=0):
    return SimpleNamespace(t=float(number), step=1.0, number=number, measurement=measurement)


def with_tail(rho, share):
    """rho whose first entry is this share of the maximum."""
    changed = rho.copy()
    changed[0] = share * rho.max()
    return changed


@pytest.mark.parametrize(("limits", "sign"), [(NEGATIVE, -1.0), (EDGE, 1.0)])
def test_rho_is_warned_of_and_then_refused(built, limits, sign):
    start = with_tail(built.rho, 0.5 * sign * limits[0])
    watch = watch_of(built)
    watch(at(measured(built, start)))
    assert watch.warnings == []
    for size, refused in ((2.0 * limits[0], False), (2.0 * limits[1], True)):
        watch = watch_of(built)
        if refused:
            with pytest.raises(StateError, match="-ts_type rk is explicit and unstable"):
                watch(at(measured(built, with_tail(built.rho, sign * size))))
        else:
            for number in range(3):
                watch(at(measured(built, with_tail(built.rho, sign * size)), number))
            assert len(watch.warnings) == 1 and "rho" in watch.warnings[0]


def test_drift_of_an_invariant(built):
    m = measured(built, built.rho)
    for size, text in ((1e-8, None), (10.0 * DRIFT[0], "warned"), (2.0 * DRIFT[1], "refused")):
        watch = watch_of(built)
        watch(at(m))
        moved = at(replace(m, rho=built.rho * (1.0 + size)), 1)
        if text == "refused":
            with pytest.raises(StateError, match=r"density has drifted by 2\.0e-03"):
                watch(moved)
        else:
            watch(moved)
            assert len(watch.warnings) == (text == "warned")


def test_what_is_not_finite(built):
    with pytest.raises(StateError, match="rho is not finite"):
        watch_of(built)(at(measured(built, np.full_like(built.rho, np.nan))))


def test_a_solver_that_solves_nothing(built):
    watch = watch_of(built, is_implicit=True)
    for number in range(3):
        watch(at(measured(built, built.rho), number))
    with pytest.raises(StateError, match="no Krylov iteration"):
        watch(at(measured(built, built.rho), 3))


def last_line(done):
    return done.stderr.splitlines()[-1]


def test_an_unstable_run_names_the_cause_and_keeps_its_last_good_state(tmp_path):
    target = tmp_path / "out.h5"
    options = ("-ts_type", "euler", "-ts_dt", "2")
    done = gbbgky("run", CASE, "-o", target, *sets("time={end=200.0}"), *options)
    assert done.returncode == 3 and "-ts_type euler is explicit" in last_line(done), done.stderr
    with h5py.File(target) as file:
        assert not file.attrs["complete"] and "euler" in file.attrs["ended"]
        assert 0.0 < file["checkpoint"].attrs["t"] < 200.0
    resumed = gbbgky("run", CASE, "-o", target, *sets("time={end=200.0}"), "--resume")
    assert resumed.returncode == 0, resumed.stderr
    with h5py.File(target) as file:
        assert file.attrs["complete"] and file["series/t"][-1] == 200.0 and "ended" not in file.attrs
        energy = file["series/total_energy"][()]
        assert np.abs(energy / energy[0] - 1.0).max() < 1e-6


def test_max_steps_is_no_completion(tmp_path):
    target = tmp_path / "out.h5"
    done = gbbgky("run", CASE, "-o", target, *sets(), "-ts_max_steps", "3")
    assert done.returncode == 0 and "not complete: ended at t = " in done.stderr
    with h5py.File(target) as file:
        assert not file.attrs["complete"] and "not complete" in file.attrs["ended"]


@pytest.mark.parametrize("kind", ["alpha2", "mimex", "discgrad"])
def test_integrators_that_would_crash_are_refused(tmp_path, kind):
    done = gbbgky("run", CASE, "-o", tmp_path / "out.h5", *sets(), "-ts_type", kind)
    assert done.returncode == 2 and f"-ts_type {kind}: " in last_line(done)


def test_a_dry_run_writes_nothing(tmp_path):
    done = gbbgky("run", CASE, "-o", tmp_path / "out.h5", *sets(), "--dry-run")
    assert done.returncode == 0 and "unknowns: 27253" in done.stdout and "memory a rank" in done.stdout
    assert not list(tmp_path.iterdir())


def test_dynamics_that_lose_their_energy_are_refused(tmp_path):
    target = tmp_path / "out.h5"
    done = gbbgky("md", CASE, "-o", target, *rings("md.step=10.0", "potential.strength=40.0"))
    assert done.returncode == 3 and "energy is off by" in last_line(done) and "md.step" in last_line(done), done.stderr
    assert not target.exists()


def test_dynamics_save_what_is_finished_on_a_signal(tmp_path):
    target = tmp_path / "out.h5"
    with started("md", CASE, "-o", target, *rings("md.realisations=100000")) as running:
        assert await_file(target, running)
        running.send_signal(signal.SIGTERM)
        _, err = running.communicate(timeout=60)
    assert running.returncode == 75 and "stopped by SIGTERM" in err.splitlines()[-1]
    with h5py.File(target) as file:
        held = file["samples/realisation"].size
        assert held >= 1 and not file.attrs["complete"]
    done = gbbgky("md", CASE, "-o", target, "--resume", *rings(f"md.realisations={held + 1}"))
    assert done.returncode == 0, done.stderr


def test_compiled_functions_find_room_where_neither_package_nor_home_can_be_written(monkeypatch):
    def refuse(**keywords):
        raise OSError

    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    environment.prepare()
    assert "NUMBA_CACHE_DIR" not in os.environ
    monkeypatch.setattr(environment.tempfile, "TemporaryFile", refuse)
    environment.prepare()
    folder = Path(os.environ["NUMBA_CACHE_DIR"])
    monkeypatch.delenv("NUMBA_CACHE_DIR")
    folder.rmdir()
