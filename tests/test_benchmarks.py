"""Every benchmark runs, at the smallest size that its arguments allow."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from test_cli import RUNS, gbbgky

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
CASE = RUNS / "fig2_phi6_quick.toml"
SMALL = ("mesh.theta_points=36", "mesh.theta_max=5.0", "mesh.z_spacing=20.0", "output.snapshots_at=[0.0,5.0]",
         "potential.strength=0.5", "time={end=10.0}")  # fmt: skip
#: words after the script's name; RESULT stands for a finished run of the small case
WORDS = {
    "background": [CASE, *SMALL],
    "coherent_collisions": ["16", "24"],
    "collision_integral": ["RESULT"],
    "flow_schemes": ["48", "24", "1.0"],
    "four_fields": ["cost", "12", "16"],
    "hierarchy_cost": [CASE, "2.0", *SMALL, "output.snapshots_at=[]"],
    "implicit_vs_explicit": [CASE, "RESULT"],
    "molecular_dynamics": ["100"],
    "next_orders": ["POINT", "20"],
    "preconditioners": [CASE, "2.0", "default", "normal_modes", "ilu", "gamg", *SMALL, "output.snapshots_at=[]"],
}
#: run by other tests
ELSEWHERE = {"thermal_state": "test_cli", "flow_against_md": "test_flow_against_dynamics below"}


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    target = tmp_path_factory.mktemp("benchmarks") / "out.h5"
    settings = [word for a in (*SMALL, "output.series_every=1.0") for word in ("--set", a)]
    done = gbbgky("run", CASE, "-o", target, *settings)
    assert done.returncode == 0, done.stderr
    return target


def run(name, words, folder):
    command = [sys.executable, BENCHMARKS / f"{name}.py", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def point(tmp_path):
    """The first rate of the committed map of validity."""
    report = json.loads((BENCHMARKS.parent / "docs/validation/validity.json").read_text())
    study = report["studies"][0]
    study["numbers"] = [n for n in study["numbers"] if n.get("sign") == "repulsive" and n["theory"] == "three_body"][:1]
    target = tmp_path / "one.json"
    target.write_text(json.dumps(report))
    return target


@pytest.mark.parametrize("name", WORDS)
def test_benchmark_runs(name, result, point, tmp_path):
    words = [{"RESULT": result, "POINT": point}.get(word, word) for word in WORDS[name]]
    printed = run(name, words, tmp_path)
    if name not in ("molecular_dynamics", "flow_schemes"):  # lines of text
        assert json.JSONDecoder().raw_decode(printed[printed.index("{") :])[0]
    else:
        assert printed.strip()


def test_flow_against_dynamics(tmp_path):
    small = ("time={end=1.0}", "output.snapshots_at=[0.0,1.0]", "space.points=64", "mesh.theta_points=48",
             "md.realisations=20")  # fmt: skip
    settings = [word for a in small for word in ("--set", a)]
    for command in ("flow", "md"):
        done = gbbgky(command, RUNS / "trap_quench.toml", "-o", tmp_path / f"{command}.h5", *settings)
        assert done.returncode == 0, done.stderr
    run("flow_against_md", ["picture.png", "flow.h5", "md.h5"], tmp_path)
    assert (tmp_path / "picture.png").stat().st_size > 1000


def test_none_is_forgotten():
    assert {path.stem for path in BENCHMARKS.glob("*.py")} == {*WORDS, *ELSEWHERE}
