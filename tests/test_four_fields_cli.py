"""The four fields as users run them: refusals, memory, snapshots, resumption, ranks."""

from types import SimpleNamespace

import h5py
import numpy as np
import pytest
from mpi4py import MPI
from processes import RUNS, gbbgky, settings
from test_checkpoint import assert_same, killed

from gbbgky_petsc import case as case_file
from gbbgky_petsc import limits, problem
from gbbgky_petsc.commands import hierarchy
from gbbgky_petsc.errors import InputError
from gbbgky_petsc.physics.models import HardRods
from gbbgky_petsc.physics.models.third_order import third_order
from gbbgky_petsc.store.reader import read, read_checkpoint
from gbbgky_petsc.validation.studies import four_fields as study

CASE = RUNS / "four_fields.toml"
SMALL = (
    "mesh.theta_points=22", "mesh.theta_max=4.2", "mesh.z_spacing=16.0", "time.end=12.0", "output.series_every=3.0",
    "output.snapshots_at=[0.0,6.0,12.0]", "output.checkpoint_seconds=1e-9", "output.fields=['pair','triple']",
)  # fmt: skip
STEPS = ("-ts_adapt_type", "none", "-ts_dt", "2.0", "-ksp_rtol", "1e-9")
RECORDED = (
    "covariance", "covariance_rate", "covariance_drift", "triple_density", "triple_response", "triple_excess",
    "pair_checksum", "triple_checksum",
)  # fmt: skip


def sets(*assignments):
    return settings(*SMALL, *assignments)


def built(*assignments):
    return problem.build(case_file.load(CASE, [*SMALL, *assignments]), CASE.parent)


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    target = tmp_path_factory.mktemp("four_fields") / "out.h5"
    done = gbbgky("run", CASE, "-o", target, *sets(), *STEPS)
    assert done.returncode == 0, done.stderr
    return target


def test_snapshots(straight):
    """c2 starts in the GGE and leaves it; g3 leaves its closure at once, where there is a g."""
    with h5py.File(straight) as file:
        assert "four fields" in file.attrs["equations"]
        c2, drift, excess = (
            file[f"snapshots/{name}"][()] for name in ("covariance", "covariance_drift", "triple_excess")
        )
        assert file["snapshots/covariance"].dims[2][0].name == "/mesh/theta"
    assert c2.shape == (3, 22, 22)
    np.testing.assert_allclose(c2, c2.swapaxes(1, 2), atol=1e-15)
    assert drift[0] == 0.0
    assert 0.0 < drift[1] < drift[2] < 1.0
    assert np.abs(c2[2] - c2[0]).max() > 0.1 * drift[2] * np.abs(c2[0]).max()
    assert np.isnan(excess[0])
    assert np.all(excess[1:] > 0.1)


def test_fields_kept_whole(straight):
    """What is read back is the state of the checkpoint; its moments are those in the file."""
    result, n, nz = read(straight), 22, 16
    number = read_checkpoint(straight).number
    for name, ending in (("pair", ""), ("triple", ".triple")):
        saved = np.fromfile(straight.with_name(f"{straight.name}.checkpoint.{number}{ending}"))
        np.testing.assert_array_equal(result.kept(name, -1).ravel(), saved)
    assert not result.kept("triple", 0).any()
    g, g3 = result.kept("pair", 1), np.zeros((nz, n, n, n))
    i, j = np.triu_indices(n)
    g3[:, i, j] = g3[:, j, i] = result.kept("triple", 1)
    w, moments = result.mesh["theta_weights"][0], result.snapshots
    np.testing.assert_allclose(moments["density_correlation"][1], w**2 * g.sum(axis=(1, 2)), rtol=1e-10)
    expected = w**2 * g3.sum(axis=(2, 3))
    np.testing.assert_allclose(moments["triple_response"][1], expected, atol=1e-12 * np.abs(expected).max())
    np.testing.assert_allclose(moments["triple_density"][1], w * expected.sum(axis=1), rtol=1e-9)


def test_what_the_validation_measures(straight):
    """Distances of the study: of g3 integrated twice from K2 g, by hand; of a form from itself and from one moved."""
    result, n = read(straight), 22
    w, rho = result.mesh["theta_weights"][0], result.snapshots["rho"][1]
    third = third_order(HardRods(1.0).background(result.mesh["theta"], w, rho))
    K2 = third.covariance_change(np.eye(n))  # along each direction
    closed = w**2 * np.einsum("jab,zjc->za", K2, result.kept("pair", 1))
    expected = np.abs(result.snapshots["triple_response"][1] - closed).max() / np.abs(closed).max()
    assert study.response_excess(result, 1) == pytest.approx(expected, rel=1e-10)
    assert np.isnan(study.response_excess(result, 0))
    apart = study.difference(result, result, 1)
    assert apart["g"] == apart["rho"] == apart["kurtosis"] == 0.0
    assert apart["c2"] == result.snapshots["covariance_drift"][1] > 0.0
    series, shots = dict(result.series), dict(result.snapshots)
    series["kurtosis"], shots["rho"] = series["kurtosis"] + 0.25, 1.5 * shots["rho"]
    moved = SimpleNamespace(series=series, snapshots=shots, kept=lambda name, row: 0.5 * result.kept(name, row))
    apart = study.difference(result, moved, 1)
    assert [apart[name] for name in ("g", "rho", "kurtosis")] == pytest.approx([0.5, 0.5, 0.25], rel=1e-9)


def test_fields_that_are_not_there_are_refused(straight, tmp_path):
    result = read(straight)
    for name, row in (("triple", 3), ("pair", -4), ("covariance", 0)):
        with pytest.raises(InputError, match=f"holds no field {name} of snapshot {row}"):
            result.kept(name, row)
    for end in ("", ".snapshot.1.triple"):
        (tmp_path / f"out.h5{end}").write_bytes(straight.with_name(straight.name + end).read_bytes())
    moved = read(tmp_path / "out.h5")
    moved.kept("triple", 1)
    with open(tmp_path / "out.h5.snapshot.1.triple", "r+b") as file:
        file.write(bytes(range(8)))
    with pytest.raises(InputError, match="damaged"):
        moved.kept("triple", 1)
    with pytest.raises(InputError, match="is missing"):
        moved.kept("pair", 1)


def test_a_field_that_the_order_lacks_is_refused_before_the_run():
    with pytest.raises(InputError, match=r"output.fields = \['triple'\].* allowed: pair$"):
        hierarchy.fits(built("hierarchy.order='full'"), MPI.COMM_SELF)


def test_killed_and_resumed_is_the_same_to_the_last_bit(straight, tmp_path):
    """c2 and g3 are in the checkpoint; a run that began without them would differ."""
    target = tmp_path / "out.h5"
    killed(target, 3, *sets(), *STEPS, case=CASE)
    done = gbbgky("run", CASE, "-o", target, *sets(), "--resume", *STEPS)
    assert done.returncode == 0, done.stderr
    assert_same(target, straight, 0.0)
    assert_recorded(target, straight, 0.0)
    for row in range(3):
        np.testing.assert_array_equal(read(target).kept("triple", row), read(straight).kept("triple", row))


@pytest.mark.parametrize("ranks", [2])
def test_resumed_on_more_ranks(tmp_path, ranks):
    """Explicit in time: only sums differ."""
    alone, target = tmp_path / "alone.h5", tmp_path / "out.h5"
    short = sets("time.end=4.0", "output.series_every=1.0", "output.snapshots_at=[0.0,4.0]")
    explicit = (*short, "-ts_type", "rk", "-ts_adapt_type", "none", "-ts_dt", "0.5")
    killed(target, 3, *explicit, case=CASE)
    for path, number in ((target, ranks), (alone, 1)):
        resume = ("--resume",) if path is target else ()
        done = gbbgky("run", CASE, "-o", path, *resume, *explicit, ranks=number)
        assert done.returncode == 0, done.stderr
    assert_same(target, alone, 1e-12)
    assert_recorded(target, alone, 1e-12)


def assert_recorded(one, two, tolerance):
    with h5py.File(one) as a, h5py.File(two) as b:
        for name in (*(f"snapshots/{name}" for name in RECORDED), "checkpoint/covariance"):
            if tolerance == 0.0 or not name.endswith("_checksum"):
                np.testing.assert_allclose(a[name][()], b[name][()], rtol=0.0, atol=tolerance, err_msg=name)


@pytest.mark.parametrize("order", ["four_fields", "three_fields"])
@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("hierarchy.closure='printed'", "closure = 'printed' with order .*; allowed: 'fluctuation'"),
        ("hierarchy.relaxation='coherent'", "relaxation = 'coherent' with order .*; allowed: 'diffusion'"),
    ],
)
def test_what_would_be_ignored_is_refused(order, assignment, message):
    with pytest.raises(InputError, match=message):
        case_file.load(CASE, [f"hierarchy.order='{order}'", assignment])


def test_memory_is_counted():
    """By the sizes of theory: rho and the ledger, c2, g, and N(N + 1)/2 pairs with a third for g3."""

    def most(*more):
        return hierarchy.memory_of(built(*more), 1).most

    n, nz = 22, 16
    numbers = n + 1 + n**2 + nz * n**2 + nz * n * n * (n + 1) // 2
    counted = most("petsc={ksp_gmres_restart=30}")
    assert counted - most("petsc={ksp_gmres_restart=10}") == pytest.approx(8 * numbers * 20, rel=1e-12)
    three = most("petsc={ksp_gmres_restart=30}", "hierarchy.order='three_fields'")
    assert counted - three == pytest.approx(8 * n**2 * (30 + limits.MOST_VECTORS), rel=1e-6)
    with pytest.raises(InputError, match="-ksp_gmres_restart 0: allowed: a number of vectors"):
        most("petsc={ksp_gmres_restart=0}")


def test_what_does_not_fit_is_refused_with_the_number(monkeypatch):
    """With triples all Krylov vectors must fit, of other orders the first ones."""
    needed = hierarchy.memory_of(built(), 1).most
    monkeypatch.setattr(limits, "memory_of_node", lambda: needed)
    hierarchy.fits(built(), MPI.COMM_SELF)
    monkeypatch.setattr(limits, "memory_of_node", lambda: needed - 1)
    with pytest.raises(InputError, match=r"needs at least [\d.]+ .B of memory; allowed"):
        hierarchy.fits(built(), MPI.COMM_SELF)
    full = built("hierarchy.order='full'", "output.fields=[]")
    monkeypatch.setattr(limits, "memory_of_node", lambda: hierarchy.memory_of(full, 1).most - 1)
    (warning,) = (text for text in hierarchy.fits(full, MPI.COMM_SELF) if "Krylov" in text)
    assert "-ksp_gmres_restart" in warning


def test_a_huge_run_is_refused_before_it_begins(tmp_path):
    huge = ("mesh.theta_points=200", "mesh.z_spacing=0.0625")
    done = gbbgky("run", CASE, "-o", tmp_path / "out.h5", *sets(*huge))
    assert done.returncode == 2
    assert "needs at least" in done.stderr
    assert not (tmp_path / "out.h5").exists()
