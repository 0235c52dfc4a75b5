"""The map of validity: its ratios from results whose rates are known, its correction for rings, its plan."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gbbgky_petsc import case as case_file
from gbbgky_petsc import shipped
from gbbgky_petsc.store.reader import Result
from gbbgky_petsc.validation import statistics
from gbbgky_petsc.validation.studies import validity

LINE = replace(validity.BASE, name="made", strengths=(2.0,), particles=50)
THEORY, REPULSIVE, ATTRACTIVE = 1e-5, 0.9, 1.5


def _dynamics(t, rate, walk):
    """Rings whose pooled kurtosis is -1 + rate t, with the scatter ``walk`` (R, T) of their fourth moments."""
    fourth = 2.0 + rate * t + walk
    count = np.full_like(fourth, LINE.particles)
    powers = np.stack([0.0 * count, count, 0.0 * count, count * fourth], axis=-1)
    series = {"t": t, "energy_error_rms": 1e-5 * np.ones_like(t)}
    return Result(Path("made"), {"particles": LINE.particles}, {}, series, {}, {"powers": powers})


@pytest.fixture(scope="module")
def made():
    """A point at V0 = 2 from 400 rings that share the noise of their initial state between the signs."""
    random, t = np.random.default_rng(5), np.linspace(0.0, 4000.0, 41)
    shared, *own = 0.01 * np.cumsum(random.standard_normal((3, 400, t.size)), axis=2)
    four = LINE.strengths[0] ** 2
    dynamics = {
        sign: _dynamics(t, factor * four * THEORY, shared + noise)
        for (sign, factor), noise in zip((("repulsive", REPULSIVE), ("attractive", ATTRACTIVE)), own, strict=True)
    }
    case = case_file.load(shipped.cases()["validity"], ("potential.strength=1.0",))
    clock = np.linspace(0.0, four * t[-1], 7)
    series = {"t": clock, "kurtosis": -1.0 + THEORY * clock}
    theory = Result(Path("made"), {"case": case_file.resolved(case)}, {}, series, {}, {})
    return dynamics, validity.point(LINE, 2.0, dynamics, {"three_body": theory})


def test_ratios_are_those_put_in(made):
    _, p = made
    ratios = p.over["three_body"]
    whole = validity.triples(LINE.particles)
    expected = {"repulsive": REPULSIVE, "attractive": ATTRACTIVE, "mean": 0.5 * (REPULSIVE + ATTRACTIVE)}
    for name, value in expected.items():
        assert 0.0 < ratios[name][1] < 0.1
        assert abs(ratios[name][0] - value / whole) < 3.5 * ratios[name][1]
    assert abs(p.odd[0] - 0.25) < 3.5 * p.odd[1]
    assert p.window == (200.0, 4000.0)


def test_error_of_the_odd_part_is_that_of_the_difference_ring_by_ring(made):
    dynamics, p = made
    t = dynamics["repulsive"].series["t"]
    inside = t >= 160.0
    weights = np.zeros(t.size)
    weights[inside] = statistics.slope_weights(t[inside])
    fourth = {sign: r.samples["powers"][:, :, 3] / LINE.particles for sign, r in dynamics.items()}
    half = 0.5 * (fourth["attractive"] - fourth["repulsive"]) @ weights
    mean = 0.5 * (fourth["attractive"] + fourth["repulsive"]) @ weights
    assert p.odd[1] == pytest.approx(half.std(ddof=1) / np.sqrt(half.size) / mean.mean(), rel=1e-6)
    shared = p.over["three_body"]["mean"][1]
    apart = np.hypot(*(p.over["three_body"][sign][1] for sign in validity.SIGNS)) / 2.0
    assert shared > 1.2 * apart  # common initial rings: the signs are not independent


def test_correction_for_rings_is_the_bias_of_the_kurtosis():
    """Triples of N rods, and the end that rings of fixed energy reach: one share of the way in any state."""
    for kurtosis in (-1.4, -0.5):
        for particles in (100, 400):
            spread = np.sqrt((kurtosis + 2.0) / particles)
            bias = statistics.finite_size_bias(particles, spread, np.ones(1))[0]
            lost = 1.0 - validity.triples(particles)
            assert bias == pytest.approx(kurtosis * lost, abs=20.0 / particles**2)


def test_plan_has_both_signs_on_the_same_rings_and_windows_that_fit():
    for line in (*validity.LINES, *validity.REPEATS):
        assert list(line.strengths) == sorted(line.strengths)
        for strength in line.strengths:
            cases = [
                case_file.load(shipped.cases()["validity"], p.settings)
                for p in line.dynamics(strength, "full").values()
            ]
            one, other = (c.model_dump() for c in cases)
            assert one["potential"].pop("strength") == -other["potential"].pop("strength") == strength
            assert one == other
            assert one["time"]["end"] > 2.0 * validity.FAST * line.range
