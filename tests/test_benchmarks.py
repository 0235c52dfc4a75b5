"""Every benchmark runs, at the smallest size that its arguments allow."""

import json
import sys
from pathlib import Path

import pytest
from processes import CASE, alone, gbbgky, settings

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
SMALL = ("mesh.theta_points=36", "mesh.theta_max=5.0", "mesh.z_spacing=20.0", "output.snapshots_at=[0.0,5.0]",
         "potential.strength=0.5", "time={end=10.0}")  # fmt: skip
#: words after the script's name; RESULT stands for a finished run of the small case
WORDS = {
    "background": [CASE, *SMALL],
    "coherent_collisions": ["16", "24"],
    "collision_integral": ["RESULT"],
    "bethe_fluid": ["16", "0.2", "16", "2"],
    "flow_cost": ["64", "48", "3"],
    "flow_schemes": ["48", "24", "1.0"],
    "four_fields": ["cost", "12", "16"],
    "hierarchy_cost": [CASE, "2.0", *SMALL, "output.snapshots_at=[]"],
    "implicit_vs_explicit": [CASE, "RESULT"],
    "integrators": [CASE, "2.0", *SMALL, "output.snapshots_at=[]"],
    "molecular_dynamics": ["100"],
    "next_orders": ["POINT", "20"],
    "safety_cost": [CASE, "2.0", *SMALL],
    "preconditioners": [CASE, "2.0", "default", "normal_modes", "ilu", "gamg", *SMALL, "output.snapshots_at=[]"],
}
#: run by other tests
ELSEWHERE = {"thermal_state": "test_cli"}


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    target = tmp_path_factory.mktemp("benchmarks") / "out.h5"
    done = gbbgky("run", CASE, "-o", target, *settings(*SMALL, "output.series_every=1.0"))
    assert done.returncode == 0, done.stderr
    return target


def run(name, words, folder):
    done = alone([sys.executable, BENCHMARKS / f"{name}.py", *words], seconds=110.0, cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def point(tmp_path):
    """The first rates of the committed map of validity."""
    report = json.loads((BENCHMARKS.parent / "docs/validation/validity.json").read_text())
    study = report["studies"][0]
    wanted = ("repulsive", "mean")
    found = [n for n in study["numbers"] if n.get("sign") in wanted and n.get("theory") == "three_body"]
    study["numbers"] = found[:2]
    target = tmp_path / "one.json"
    target.write_text(json.dumps(report))
    return target


@pytest.mark.parametrize("name", WORDS)
def test_benchmark_runs(name, result, point, tmp_path):
    words = [{"RESULT": result, "POINT": point}.get(word, word) for word in WORDS[name]]
    printed = run(name, words, tmp_path)
    if name not in ("molecular_dynamics", "flow_schemes", "bethe_fluid"):  # lines of text, or skipped
        assert json.JSONDecoder().raw_decode(printed[printed.index("{") :])[0]
    else:
        assert printed.strip()


def test_none_is_forgotten():
    assert {path.stem for path in BENCHMARKS.glob("*.py")} == {*WORDS, *ELSEWHERE}
