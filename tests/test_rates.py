"""`gbbgky rates` as users meet it."""

import csv

import h5py
import numpy as np
import pytest
from processes import CASE, SMALL, gbbgky, sets

from gbbgky_petsc import case as case_file
from gbbgky_petsc import problem
from gbbgky_petsc.collisions import build
from gbbgky_petsc.collisions.spectrum import spectrum
from gbbgky_petsc.commands.rates import Scan, rates
from gbbgky_petsc.errors import InputError
from gbbgky_petsc.physics import observables

SETTINGS = sets("output.snapshots_at=[]")


def test_rate_of_the_kurtosis_is_its_slope():
    """In a state that moves, along a change that keeps number and momentum but not the energy."""
    theta = np.linspace(-6.0, 6.0, 121)
    rho = np.exp(-((theta - 0.4) ** 2)) + 0.3 * np.exp(-0.5 * (theta + 1.0) ** 2)
    change = rho * np.sin(theta)
    powers = np.stack([np.ones_like(theta), theta])
    change -= rho * (np.linalg.solve(powers @ (rho * powers).T, powers @ change) @ powers)
    up, down = (observables.kurtosis(theta, rho + step * change) for step in (1e-5, -1e-5))
    assert observables.kurtosis_rate(theta, rho, change) == pytest.approx((up - down) / 2e-5, rel=1e-7)


def test_scan_of_two_keys(tmp_path):
    """All operators on the product of two scans, in three formats; V0^2 a^2 (1 - a rho)^3 of rods."""
    target = tmp_path / "rates.h5"
    scans = ("--scan", "potential.strength=0.5:1:2", "--scan", "model.length=0.5:1:2:log")
    done = gbbgky(
        "rates", CASE, "-o", target, *SETTINGS, *scans, "--kind", "coherent", "--kind", "landau", "--modes", "2"
    )
    assert done.returncode == 0, done.stderr
    assert "d kurtosis/dt" in done.stdout
    with h5py.File(target) as file:
        strength, length = file["scan/potential.strength"][()], file["scan/model.length"][()]
        np.testing.assert_allclose(strength, [0.5, 0.5, 1.0, 1.0])
        np.testing.assert_allclose(length, [0.5, 1.0, 0.5, 1.0])
        slopes = file["coherent/initial_rate"][()]
        density = 0.2
        np.testing.assert_allclose(slopes / slopes[0], (strength * length * (1.0 - length * density) ** 1.5
                                                        / (0.25 * 0.9**1.5)) ** 2, rtol=1e-6)  # fmt: skip
        assert file["landau/modes"].shape == (4, 2) and np.all(file["landau/modes"][()] > 0.0)
        stored = file["coherent/modes"][0]
    case = case_file.load(CASE, [*SMALL, "output.snapshots_at=[]", "potential.strength=0.5", "model.length=0.5"])
    p = problem.build(case, CASE.parent)
    operator = build("coherent", p.model, p.potential, p.mesh)
    assert slopes[0] == pytest.approx(observables.kurtosis_rate(p.mesh.theta, p.rho, operator(p.rho).rate), rel=1e-9)
    np.testing.assert_allclose(stored, spectrum(operator, p.rho, 2).rates, rtol=1e-6)
    with target.with_suffix(".csv").open() as file:
        table = list(csv.DictReader(file))
    assert len(table) == 8 and float(table[0]["initial_rate"]) == slopes[0]
    assert target.with_suffix(".png").stat().st_size > 10_000
    assert "--force" in gbbgky("rates", CASE, "-o", target, *SETTINGS).stderr


def test_what_an_operator_refuses_is_said(tmp_path):
    """A Lieb-Liniger gas: the classical operator gives its reason, the others their numbers."""
    target = tmp_path / "rates.h5"
    words = [
        *SETTINGS,
        "--set",
        'model={kind="lieb_liniger",coupling=2.0}',
        "--kind",
        "three_body",
        "--kind",
        "coherent",
    ]
    done = gbbgky("rates", CASE, "-o", target, *words)
    assert done.returncode == 0, done.stderr
    assert "three_body: kinetic.kind = three_body: is classical" in done.stdout
    with h5py.File(target) as file:
        assert np.isnan(file["three_body/initial_rate"][0]) and file["coherent/initial_rate"][0] > 0.0
    alone = gbbgky("rates", CASE, "-o", target, "--force", *words[:-2])
    assert alone.returncode == 2 and alone.stderr.startswith("gbbgky: kinetic.kind = three_body: is classical")


def test_picture_without_a_mode_that_decays(tmp_path):
    """An ideal gas is blocked, and no modes were asked for: nothing for a logarithmic axis."""
    model = "model={kind='free',statistics='bosonic'}"
    rates(CASE, tmp_path / "rates.h5", [*SMALL, "output.snapshots_at=[]", model], (), ["coherent"], 0)
    assert (tmp_path / "rates.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    "text", ["a.b", "a.b=1:2", "a.b=1:2:1", "a.b=1:x:3", "a.b=0:1:3:log", "a.b=1:2:3:lin", "=1:2:3"]
)
def test_bad_scans(text):
    with pytest.raises(InputError, match=r"--scan .*: allowed: KEY=A:B:N"):
        Scan.parse(text)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--scan", "potential.depth=1:2:3"], "potential.depth = 1.0: unknown key; allowed: strength"),
        (["--scan", "potential.range=-1:2:3"], "potential.range = -1.0"),
        (["--scan", "model.length=1:2:2", "--scan", "model.length=1:2:2"], "same key twice"),
        (["--kind", "boltzmann"], "--kind boltzmann: unknown; allowed: coherent"),
    ],
)
def test_refusals(words, line, tmp_path):
    done = gbbgky("rates", CASE, "-o", tmp_path / "rates.h5", *SETTINGS, *words)
    assert done.returncode == 2
    assert line in done.stderr and len(done.stderr.strip().splitlines()) == 1
