"""The validation itself: its statistics, that it catches wrong physics, that its report shows its figures."""

import shutil
import subprocess
import sys

import matplotlib.image
import matplotlib.pyplot as plt
import numpy as np
import pytest

from gbbgky_petsc import case as case_file
from gbbgky_petsc import shipped
from gbbgky_petsc.commands.flow import run as run_flow
from gbbgky_petsc.commands.md import job, simulate
from gbbgky_petsc.flow import problem as flow_problem
from gbbgky_petsc.md.statistics import kurtosis_samples
from gbbgky_petsc.store.reader import read
from gbbgky_petsc.validation import report, statistics
from gbbgky_petsc.validation.parts import Part
from gbbgky_petsc.validation.studies import STUDIES
from gbbgky_petsc.validation.studies.common import Findings, Study
from gbbgky_petsc.validation.studies.fig2 import compare_kurtosis, fig2b
from gbbgky_petsc.validation.studies.flow import compare


def test_errors_of_combinations_carry_the_correlation_in_time():
    """Slope of many random walks: the stated error is the spread of independent repetitions."""
    random, t = np.random.default_rng(1), np.arange(20.0)
    weights = statistics.slope_weights(t)
    walks = np.cumsum(random.standard_normal((200, 50, 20)), axis=2)
    found = np.array([statistics.Estimate.of_samples(w).combined(weights) for w in walks])
    assert found[:, 0].std(ddof=1) == pytest.approx(found[:, 1].mean(), rel=0.15)
    naive = np.sqrt((weights**2 * statistics.Estimate.of_samples(walks[0]).error ** 2).sum())
    assert naive < 0.6 * found[:, 1].mean()
    p = [statistics.agreement(e.value, e.covariance, 50)[1] for e in map(statistics.Estimate.of_samples, walks)]
    assert 0.43 < np.mean(p) < 0.57 and np.std(p) == pytest.approx(12**-0.5, rel=0.15)  # uniform


def test_power_law_with_and_without_errors():
    x = np.array([1.0, 2.0, 4.0])
    assert statistics.power_law(x, 3.0 * x**-2.5)[0] == pytest.approx(-2.5)
    exponent, error = statistics.power_law(x, x**2, 0.1 * x**2)
    assert exponent == pytest.approx(2.0) and error == pytest.approx(0.1 / (np.sqrt(2.0) * np.log(2.0)))


def test_bias_of_rings_of_fixed_energy():
    """Velocities uniform on spheres whose radii are spread have the kurtosis that the formula says."""
    random, n, count = np.random.default_rng(2), 20, 200_000
    v = random.standard_normal((count, n))
    energy = 1.0 + 0.1 * random.standard_normal(count)
    v *= np.sqrt(energy * n / (v**2).sum(axis=1))[:, None]
    powers = np.stack([(v**p).sum(axis=1) for p in range(1, 5)], axis=-1)[:, None]
    samples = kurtosis_samples(powers, n)
    expected = statistics.finite_size_bias(n, float(energy.std() / energy.mean()), np.ones(1))
    assert abs(samples.mean() - expected) < 4.0 * samples.std() / np.sqrt(count)


def test_parts_know_what_is_there(tmp_path):
    part = Part("p", "md", "fig2_phi6", ("time.end=1.0", "output.snapshots_at=[]", "md.realisations=2"))
    assert not part.finished(tmp_path)
    part.compute(tmp_path, [])
    assert part.finished(tmp_path)
    assert not Part("p", "md", "fig2_phi6", ("time.end=2.0",)).finished(tmp_path)


def test_every_part_is_a_case_that_loads():
    for tier in ("quick", "full"):
        parts = [part for study in STUDIES for part in study.parts(tier)]
        names = {part.name: part for part in parts}
        assert all(names[part.name] == part for part in parts)  # one name, one part
        for part in parts:
            case_file.load(shipped.cases()[part.case], part.settings)


SMALL = ("mesh.name=quick", "mesh.theta_points=36", "mesh.theta_max=5.0", "mesh.z_spacing=8.0", "time.end=1000.0",
         "output.snapshots_at=[100.0]", "md.realisations=240")  # fmt: skip
WRONG = {
    "right": "",
    "diffusion": """
from dataclasses import replace
from gbbgky_petsc.physics.models import HardRods
right = HardRods.background
def background(self, *arguments):
    b = right(self, *arguments)
    return replace(b, diffusion=2.0 * b.diffusion)
HardRods.background = background
""",
    "contact": """
from gbbgky_petsc.terms import Contact
from gbbgky_petsc.physics.models.operators import Dense
right = Contact._response
Contact._response = lambda self, point: Dense(-right(self, point).matrix())
""",
}


@pytest.fixture(scope="module")
def dynamics(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dynamics")
    part = Part("md", "md", "fig2_phi6", SMALL)
    part.compute(folder, [])
    return part.result(folder)


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_physics_is_caught(wrong, dynamics, tmp_path):
    """A diffusion matrix twice too large, a contact term of the wrong sign; and the right theory passes."""
    words = Part("theory", "run", "fig2_phi6", SMALL).arguments(tmp_path)
    program = f"{WRONG[wrong]}\nfrom gbbgky_petsc.cli import main\nmain({words!r})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    theory, found = read(tmp_path / "theory.h5"), Findings()
    unit = float(theory.attributes["rescaled_time_unit"])
    compare_kurtosis(found, "fig2_phi6", theory, dynamics, statistics.kurtosis(dynamics), unit)
    fig2b(found, theory, dynamics)
    assert len(found.checks) >= 6
    failed = [check.name for check in found.checks if not check.passed]
    assert bool(failed) == (wrong != "right"), failed


CLOUD = ("mesh.theta_points=64", "space.points=96", "time.end=31.4", "output.snapshots_at=[0.0, 31.4]",
         "md.realisations=100")  # fmt: skip


@pytest.fixture(scope="module")
def cloud_dynamics(tmp_path_factory):
    target = tmp_path_factory.mktemp("cloud") / "md.h5"
    simulate(job(case_file.load(shipped.cases()["trap_quench"], CLOUD), target.parent), target, False)
    return read(target)


@pytest.mark.parametrize(
    ("wrong", "agrees"), [((), True), (("model.length=0.5",), False), (("flow.mean_field=false",), False)]
)
def test_wrong_physics_in_space_is_caught(wrong, agrees, cloud_dynamics, tmp_path):
    """Rods half as long, V left out; and the right theory passes."""
    case = case_file.load(shipped.cases()["trap_quench"], (*CLOUD, *wrong))
    run_flow(flow_problem.build(case, tmp_path), tmp_path / "theory.h5")
    found = Findings()
    compare(found, "cloud", read(tmp_path / "theory.h5"), cloud_dynamics)
    assert len(found.checks) == 6 and all(check.passed for check in found.checks) == agrees


def test_report_shows_its_figures(tmp_path):
    """Headless Chromium draws the page; the figures' colours are on the picture of it."""
    study = Study("toy", "Toy", "Two figures.", lambda tier: [], lambda results: Findings())
    found = Findings()
    found.expect("energy_drift", "a drift", 0.0, 0.0)
    found.expect("energy_drift", "a larger drift", 1.0, 0.0)
    for name, colour in (("one", "#00ff00"), ("two", "#ff00ff")):
        figure, ax = plt.subplots(figsize=(4, 3))
        ax.set_facecolor(colour)
        found.figures[name] = figure
    found.table.append({"what": "a number", "value": 1.5})
    report.write(tmp_path, {"tier": "quick"}, [(study, found, [])])
    page = (tmp_path / "report.html").read_text()
    assert page.count("data:image/png;base64,") == 2 and "1 expectation(s) failed" in page
    assert (tmp_path / "figures" / "one.pdf").exists() and '"passed": false' in (tmp_path / "report.json").read_text()
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium here to draw the page")
    picture = tmp_path / "page.png"
    subprocess.run(
        [browser, "--headless", "--no-sandbox", "--disable-gpu", "--window-size=1200,2400", f"--screenshot={picture}",
         f"file://{tmp_path}/report.html"], check=True, capture_output=True, timeout=100,
    )  # fmt: skip
    pixels = matplotlib.image.imread(picture)[..., :3]
    for colour in ((0.0, 1.0, 0.0), (1.0, 0.0, 1.0)):
        assert (np.abs(pixels - np.array(colour)).max(axis=-1) < 0.02).sum() > 20_000


@pytest.mark.parametrize(
    ("arguments", "key"),
    [
        (["--only", "nope"], "--only nope"),
        (["--ranks", "0"], "--ranks 0"),
        (["--launcher", "no_such_launcher -n 2"], "--launcher no_such_launcher"),
        (["-o", "{folder}/file/below"], "output"),
    ],
)
def test_bad_arguments_are_one_line(arguments, key, tmp_path):
    (tmp_path / "file").write_text("no folder")
    words = ["-o", str(tmp_path / "out"), *(word.format(folder=tmp_path) for word in arguments)]
    done = subprocess.run(
        [sys.executable, "-m", "gbbgky_petsc", "validate", *words], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2 and key in done.stderr and len(done.stderr.splitlines()) == 1
