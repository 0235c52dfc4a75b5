"""`gbbgky kinetic` as users meet it."""

import h5py
import numpy as np
import pytest
from processes import CASE, SMALL, gbbgky, sets

from gbbgky_petsc import case as case_file
from gbbgky_petsc import problem
from gbbgky_petsc.commands.kinetic import collision_integral, start_from
from gbbgky_petsc.errors import InputError

END = "time.end=100.0"
#: where the straight run has a step end as well as the one that stops there
STOP = "output.snapshots_at=[500.0]"


@pytest.fixture(scope="module")
def hierarchy_run(tmp_path_factory):
    target = tmp_path_factory.mktemp("runs") / "hierarchy.h5"
    done = gbbgky("run", CASE, "-o", target, *sets("output.snapshots_at=[10.0, 20.0]"))
    assert done.returncode == 0, done.stderr
    return target


def test_run_with_spectrum(tmp_path):
    target = tmp_path / "out.h5"
    done = gbbgky("kinetic", CASE, "-o", target, "--spectrum", *sets(END, "output.series_every=25.0"))
    assert done.returncode == 0, done.stderr
    assert "rms theta" in done.stdout
    with h5py.File(target) as file:
        np.testing.assert_allclose(file["series/t"], np.arange(5) * 25.0)
        energy = file["series/kinetic_energy"][()]
        assert np.abs(energy / energy[0] - 1.0).max() < 1e-11
        assert np.all(np.diff(file["series/kurtosis"]) > 0.0)
        assert file["snapshots/rho"].shape == (1, 36) and file["snapshots/t"][0] == 10.0
        assert file["spectrum/rates"].shape == (6,) and file["spectrum/modes"].shape == (6, 36)
        assert file.attrs["complete"] and "(10)" in file.attrs["equations"]
    assert gbbgky("plot", target).returncode == 0
    assert "--force" in gbbgky("kinetic", CASE, "-o", target, *sets(END)).stderr  # refused: exists


def test_start_from_a_hierarchy_run(hierarchy_run, tmp_path):
    target = tmp_path / "out.h5"
    arguments = (
        "kinetic",
        CASE,
        "-o",
        target,
        "--from",
        hierarchy_run,
        *sets("time.end=40.0", "output.series_every=20.0"),
    )
    done = gbbgky(*arguments, "--at", "12")
    assert done.returncode == 0, done.stderr
    with h5py.File(target) as file, h5py.File(hierarchy_run) as source:
        np.testing.assert_allclose(file["series/t"], [10.0, 20.0, 40.0])
        np.testing.assert_allclose(file["snapshots/rho"][0], source["snapshots/rho"][0])
        assert file["series/kinetic_energy"][0] == pytest.approx(0.5 * 2.0 * source["series/kinetic_energy"][2])
        assert file.attrs["rho_from"] == "hierarchy.h5 at t = 10"
    last = gbbgky(*arguments, "--force")
    assert last.returncode == 0, last.stderr
    with h5py.File(target) as file:
        assert file["series/t"][0] == 20.0


@pytest.mark.parametrize(
    ("change", "word"),
    [("model.length=0.5", "model"), ("mesh.theta_points=40", "theta-mesh"), ("time.end=19.0", "before the end")],
)
def test_starts_that_do_not_fit(hierarchy_run, change, word):
    case = case_file.load(CASE, [*SMALL, "output.snapshots_at=[]", change])
    with pytest.raises(InputError, match=word):
        start_from(problem.build(case, CASE.parent), hierarchy_run, 20.0)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        (["kinetic.kind=boltzmann"], r"kinetic\.kind = 'boltzmann'"),
        (["kinetic.kind=full", "kinetic.staggered=true"], r"kinetic\.staggered"),
        (["kinetic.tolerance=0"], r"kinetic\.tolerance = 0"),
    ],
)
def test_bad_kinetic_tables(changes, word):
    with pytest.raises(InputError, match=word):
        collision_integral(problem.build(case_file.load(CASE, changes), CASE.parent))


def test_failures_are_one_line(tmp_path):
    out = ("-o", tmp_path / "out.h5")
    unstable = gbbgky("kinetic", CASE, *out, *sets("kinetic.kind=screened"))
    assert unstable.returncode == 3 and unstable.stderr.count("\n") == 1 and "unstable" in unstable.stderr
    lonely = gbbgky("kinetic", CASE, *out, "--at", "20", *sets())
    assert lonely.returncode == 2 and lonely.stderr.count("\n") == 1 and "--from" in lonely.stderr


def test_options_have_a_prefix(tmp_path):
    target = tmp_path / "out.h5"
    fixed = ("-kinetic_ts_dt", "5", "-kinetic_ts_adapt_type", "none", "-kinetic_ts_monitor")
    settings = sets("petsc.kinetic_ts_type=bdf")
    done = gbbgky("kinetic", CASE, "-o", target, *settings, "-kinetic_ts_type", "rk", *fixed, "-ts_type", "x")
    assert done.returncode == 0, done.stderr
    assert "TS dt 5. time" in done.stdout
    assert "-ts_type" in done.stdout + done.stderr  # named as unused
    stopped = gbbgky("kinetic", CASE, "-o", target, "--force", *sets(), "-kinetic_ksp_max_it", "0",
                     "-kinetic_ts_max_snes_failures", "1", "-kinetic_ts_max_reject", "1")  # fmt: skip
    assert stopped.returncode == 3 and "gbbgky: time integration stopped" in stopped.stderr


def test_ranks_write_the_same_numbers(tmp_path):
    results, steps = [], ("-kinetic_ts_dt", "10", "-kinetic_ts_adapt_type", "none")
    for ranks in (1, 2, 3):
        target = tmp_path / f"{ranks}.h5"
        done = gbbgky("kinetic", CASE, "-o", target, *sets("output.snapshots_at=[20.0]"), *steps, ranks=ranks)
        assert done.returncode == 0, done.stderr
        with h5py.File(target) as file:
            results.append((file["snapshots/rho"][()], file["series/kurtosis"][()]))
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            np.testing.assert_allclose(b, a, atol=1e-9 * np.abs(a).max())


def test_encounters_of_three(tmp_path):
    target = tmp_path / "out.h5"
    done = gbbgky("kinetic", CASE, "-o", target, *sets(END, "output.series_every=25.0", "kinetic.kind=three_body"))
    assert done.returncode == 0, done.stderr
    with h5py.File(target) as file:
        energy = file["series/kinetic_energy"][()]
        assert np.abs(energy / energy[0] - 1.0).max() < 1e-11
        assert np.all(np.diff(file["series/kurtosis"]) > 0.0)
        assert "encounters of three" in file.attrs["equations"]
    refused = gbbgky(
        "kinetic", CASE, "-o", target, "--force", *sets("kinetic.kind=three_body", "kinetic.staggered=true")
    )
    assert refused.returncode == 2
    assert refused.stderr.strip() == (
        "gbbgky: kinetic.staggered = true: kinetic.kind = three_body has no such option; allowed with: landau, screened"
    )


KIND = "kinetic.kind=three_body"


def test_a_stopped_run_is_gone_on_with(tmp_path):
    """Ended half-way, then resumed: the rows of a run that was left alone, to rounding.

    With an operator without memory: the nodes in k of landau's quadrature depend on earlier rho, within its tolerance.
    """
    options = ("-kinetic_ts_adapt_type", "none", "-kinetic_ts_dt", "25.0")
    half = tmp_path / "half.h5"
    for end in ("500.0", "1000.0"):
        done = gbbgky("kinetic", CASE, "-o", half, *sets(f"time.end={end}", STOP, KIND), "--resume=auto", *options)
        assert done.returncode == 0, done.stderr
    straight = tmp_path / "straight.h5"
    assert gbbgky("kinetic", CASE, "-o", straight, *sets("time.end=1000.0", STOP, KIND), *options).returncode == 0
    with h5py.File(half) as one, h5py.File(straight) as two:
        assert one.attrs["complete"]
        for name in one["series"]:
            scale = np.abs(two[f"series/{name}"]).max()
            atol = 1e-12 * max(scale, 1e-3)
            np.testing.assert_allclose(one[f"series/{name}"], two[f"series/{name}"], rtol=0.0, atol=atol, err_msg=name)
    again = gbbgky(
        "kinetic", CASE, "-o", half, *sets("time.end=1000.0", STOP, KIND, "model.length=1.1"), "--resume", *options
    )
    assert again.returncode == 2 and "model.length" in again.stderr and len(again.stderr.splitlines()) == 1
