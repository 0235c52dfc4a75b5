"""Two results side by side: what counts as a difference."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from processes import CASE, SMALL, gbbgky

import gbbgky_petsc as gb
from gbbgky_petsc.analysis.compare import Difference, common_times, differences, other_keys
from gbbgky_petsc.commands.look import compare
from gbbgky_petsc.errors import InputError


def result(seed=None, shift=0.0, error=0.1, t=None, strength=4.0, points=8):
    """A result with a kurtosis that is shifted, scattered with an error bar if there is a seed."""
    t = np.arange(6) * 5.0 if t is None else np.asarray(t)
    noise = np.zeros((2, t.size)) if seed is None else error * np.random.default_rng(seed).standard_normal((2, t.size))
    series = {
        "t": t,
        "kurtosis": np.cos(t) + shift + noise[0],
        "momentum": 1e-17 * np.sin(t + shift),
        "step": t + shift,
    }
    rho = np.ones((t.size, points)) * np.arange(points) + shift
    snapshots = {"t": t, "rho": rho, "density_correlation": np.zeros((t.size, 4))}
    if seed is not None:
        series |= {"kurtosis_stderr": np.full(t.size, error)}
        snapshots |= {"rho_stderr": np.full(rho.shape, 0.1)}
        snapshots |= {"density_correlation_stderr": np.full((t.size, 4), 1.0)}
    mesh = {"theta": np.arange(points) * 1.0, "z": np.arange(4) * 5.0}
    attributes = {"case": json.dumps({"potential": {"strength": strength, "range": 20.0}})}
    if seed is not None:
        attributes |= {"low_pass_length": 5.0, "circumference": 100.0}
    return SimpleNamespace(series=series, snapshots=snapshots, mesh=mesh, attributes=attributes)


def by_name(first, second):
    return {d.name: d for d in differences(first, second)}


def test_equal_results_do_not_differ_and_unequal_ones_by_what_they_do():
    found = by_name(result(), result())
    assert set(found) == {"series/kurtosis", "series/momentum", "snapshots/rho", "snapshots/density_correlation"}
    assert all(d.largest == 0.0 and d.within(0.0, 4.0) for d in found.values())
    moved = by_name(result(), result(shift=1e-3))
    assert moved["series/kurtosis"].largest == pytest.approx(1e-3)
    assert not moved["series/kurtosis"].within(1e-6, 4.0) and moved["series/kurtosis"].within(1e-2, 4.0)
    assert moved["series/momentum"].within(1e-6, 4.0)  # rounding, of a quantity that is nothing


def test_error_bars_decide_where_there_are_some():
    """Independent noise of the right size agrees; error bars that are too small by ten do not."""
    same = by_name(result(seed=1), result(seed=2))["series/kurtosis"]
    assert same.errors is not None and 0.3 < same.errors < 4.0 and same.within(0.0, 4.0)
    first, second = result(seed=1, error=0.4), result(seed=2, error=0.4)
    for r in (first, second):
        r.series["kurtosis_stderr"] = r.series["kurtosis_stderr"] / 10.0
    assert not by_name(first, second)["series/kurtosis"].within(0.0, 4.0)
    theory = by_name(result(), result(seed=1))
    assert "series/momentum" not in theory and theory["series/kurtosis"].errors < 4.0


def test_the_largest_of_many_is_not_held_to_the_limit_of_one():
    one, many = (Difference("a", 1, 4.5, 0.0, 1.0, points, 4.5) for points in (1, 1000))
    assert not one.within(0.0, 4.0) and many.within(0.0, 4.0)


def test_cells_with_few_rods_do_not_count():
    first, second = result(seed=1), result(seed=1)
    second.snapshots["rho"][:, 0] += 50.0  # rho is 0 there, of error 0.1
    assert by_name(first, second)["snapshots/rho"].within(0.0, 4.0)
    second.snapshots["rho"][:, 5] += 1.0
    assert not by_name(first, second)["snapshots/rho"].within(0.0, 4.0)


def test_only_what_both_have_is_compared():
    found = by_name(result(), result(t=[0.0, 7.0, 10.0 * (1 + 1e-12), 99.0]))
    assert found["series/kurtosis"].rows == 2
    assert "snapshots/rho" not in by_name(result(), result(points=9))
    assert not differences(result(), result(t=[1.0, 2.0]))
    rows, others = common_times(np.array([0.0, 1.0, 2.0]), np.array([2.0]))
    assert rows.tolist() == [2] and others.tolist() == [0]


def test_meshes_of_one_size_are_held_against_each_other():
    """rho on another theta is not compared, whatever else has as many points."""
    first, second = result(), result()
    first.mesh["z"] = second.mesh["z"] = second.mesh["z"] * 2.0
    second.mesh["theta"] = second.mesh["theta"] + 0.5
    assert set(by_name(first, second)) == {"series/kurtosis", "series/momentum", "snapshots/density_correlation"}
    square = [result(points=4) for _ in range(2)]  # as many rapidities as places
    square[1].mesh["z"] = square[1].mesh["z"] * 2.0
    assert set(by_name(*square)) == {"series/kurtosis", "series/momentum", "snapshots/rho"}


def test_theory_is_low_passed_beside_dynamics():
    theory, dynamics = result(), result(seed=3)
    theory.snapshots["density_correlation"][:, 2] = 1.0
    alone, beside = by_name(theory, result()), by_name(theory, dynamics)
    name = "snapshots/density_correlation"
    assert alone[name].largest == 1.0 and beside[name].largest < 0.6


def test_keys_that_differ_are_named():
    assert other_keys(result(), result(strength=8.0)) == ["potential.strength: 4.0, 8.0"]


def test_the_command(tmp_path, capsys):
    for name, more in (("a", []), ("b", ["petsc.ksp_rtol=1e-6"])):
        gb.run(gb.load_case(CASE, [*SMALL, *more]), tmp_path / f"{name}.h5")
    a, b = tmp_path / "a.h5", tmp_path / "b.h5"
    assert compare(a, a, 0.0, 4.0) and "0 of 1" in capsys.readouterr().out
    assert compare(a, b, 0.1, 4.0)
    with pytest.raises(InputError, match="No such file"):
        compare(a, tmp_path / "none.h5", 0.0, 4.0)
    with pytest.raises(InputError, match="sigmas"):
        compare(a, b, 0.0, -1.0)
    other = gbbgky("compare", a, b)
    assert other.returncode == 4 and "differs" in other.stdout and "case: petsc.ksp_rtol" in other.stdout
    assert not other.stderr
