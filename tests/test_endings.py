"""How commands end: one line, the documented code, all ranks, nothing lost."""

import signal

import h5py
import numpy as np
import pytest
from processes import CASE, await_file, gbbgky, last_words, sets, settings, started
from test_checkpoint import make_old

from gbbgky_petsc import environment, petsc_failures, trust
from gbbgky_petsc.errors import InputError, SolverError, StorageError, one_line
from gbbgky_petsc.store.reader import read, read_checkpoint

#: steps short enough that a run never ends by itself within a test
ENDLESS = ("-ts_adapt_dt_max", "0.05")


def endless(target, *arguments, **how):
    """A run that goes on until something ends it."""
    return started("run", CASE, "-o", target, *arguments, *ENDLESS, **how)


def said(process, seconds=60.0):
    """How a process says that it ends, within so many seconds."""
    _, err = process.communicate(timeout=seconds)
    return last_words(err)


@pytest.mark.parametrize(("number", "ranks"), [(signal.SIGTERM, 1), (signal.SIGINT, 1), (signal.SIGUSR1, 2)])
def test_a_signal_saves_and_auto_goes_on(tmp_path, number, ranks):
    """Killed by warning, gone on with --resume=auto: the rows are those of a run that was left alone."""
    target = tmp_path / "out.h5"
    words = (*sets("time.end=2.0", "output.snapshots_at=[]", "output.series_every=0.5"), "--resume=auto")
    with endless(target, *words, *settings("output.flush_seconds=1e-9"), ranks=ranks) as running:
        assert await_file(target, running)
        running.send_signal(number)
        lines = said(running)
    assert running.returncode == 75 and len(lines) == 1 and number.name in lines[0], lines
    with h5py.File(target) as file:
        assert not file.attrs["complete"] and 0.0 < file["checkpoint"].attrs["t"] < 2.0
    assert not list(tmp_path.glob("*.lock"))
    done = gbbgky("run", CASE, "-o", target, *words, *ENDLESS, ranks=ranks)
    assert done.returncode == 0, done.stderr
    straight = gbbgky("run", CASE, "-o", tmp_path / "straight.h5", *words, *ENDLESS, ranks=ranks)
    assert straight.returncode == 0, straight.stderr
    with h5py.File(target) as one, h5py.File(tmp_path / "straight.h5") as two:
        for name in one["series"]:
            np.testing.assert_allclose(one[f"series/{name}"], two[f"series/{name}"], rtol=1e-12, atol=1e-15)
    again = gbbgky("run", CASE, "-o", target, *words, *ENDLESS)
    assert again.returncode == 0 and "complete" in again.stderr


def test_a_second_writer_is_refused(tmp_path):
    target = tmp_path / "out.h5"
    with endless(target, *sets("time.end=500.0", "output.snapshots_at=[]")) as running:
        assert await_file(target.with_name("out.h5.lock"), running)
        second = gbbgky("run", CASE, "-o", target, *sets(), "--force")
        running.kill()
    assert second.returncode == 2 and f"process {running.pid}" in second.stderr
    assert gbbgky("run", CASE, "-o", target, *sets(), "--force").returncode == 0


FAULTS = {
    "input": ("raise InputError('mesh: seen by one rank alone')", 2, "rank 1: mesh"),
    "interrupt": ("raise KeyboardInterrupt", 130, "rank 1: interrupted"),
    "bug": ("raise ZeroDivisionError('planted')", 1, "rank 1: unexpected failure (ZeroDivisionError: planted)"),
}


@pytest.mark.parametrize("what", FAULTS)
def test_what_one_rank_alone_meets_ends_all(tmp_path, what):
    """The other rank waits in a collective call."""
    raised, status, line = FAULTS[what]
    before = (
        "from gbbgky_petsc.commands import hierarchy\nfrom gbbgky_petsc.errors import InputError\n"
        "from mpi4py import MPI\nintegrate = hierarchy.run\n"
        f"def run(*a):\n    if MPI.COMM_WORLD.rank == 1:\n        {raised}\n    MPI.COMM_WORLD.barrier()\n"
        "hierarchy.run = run"
    )
    with endless(tmp_path / "out.h5", *sets(), ranks=2, before=before) as running:
        lines = said(running)
    assert running.returncode == status and len(lines) == 1 and line in lines[0], lines
    if what == "bug":
        (left,) = tmp_path.glob("gbbgky-failure-*.txt")
        assert "planted" in left.read_text() and str(left) in lines[0]


#: lets the result file through, not g
FULL_DISK = "import resource; from mpi4py import MPI; resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, -1))"


@pytest.mark.parametrize("ranks", [1, 2])
def test_a_full_disk_ends_in_one_line_and_leaves_nothing_by_halves(tmp_path, ranks):
    target = tmp_path / "out.h5"
    words = sets("output.checkpoint_seconds=1e-9", "time.end=500.0", "output.snapshots_at=[]")
    with endless(target, *words, ranks=ranks, before=FULL_DISK) as running:
        lines = said(running)
    assert running.returncode == 5 and len(lines) == 1 and "cannot be written" in lines[0], lines
    assert not list(tmp_path.glob("*.checkpoint.*")) and not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize("ranks", [1, 2])
def test_a_full_disk_keeps_what_was_there(tmp_path, ranks):
    """A run that goes on from t = 20 until the disk is full can go on from there again."""
    target = tmp_path / "out.h5"
    assert gbbgky("run", CASE, "-o", target, *sets()).returncode == 0
    (pair,) = tmp_path.glob("out.h5.checkpoint.*")
    before = pair.read_bytes()
    further = sets("output.checkpoint_seconds=1e-9", "time.end=500.0")
    with endless(target, *further, "--resume", ranks=ranks, before=FULL_DISK) as running:
        lines = said(running)
    assert running.returncode == 5 and len(lines) == 1 and "cannot be written" in lines[0], lines
    assert [*tmp_path.glob("*.checkpoint.*")] == [pair] and pair.read_bytes() == before
    assert read_checkpoint(target).t == 20.0 and not read(target).attributes["complete"]
    done = gbbgky("run", CASE, "-o", target, *sets("time.end=30.0"), "--resume")
    assert done.returncode == 0, done.stderr
    assert read(target).series["t"][-1] == 30.0


def test_a_damaged_checkpoint_is_refused(tmp_path):
    target = tmp_path / "out.h5"
    assert gbbgky("run", CASE, "-o", target, *sets()).returncode == 0
    (pair,) = tmp_path.glob("out.h5.checkpoint.*")
    with open(pair, "r+b") as file:
        file.seek(pair.stat().st_size // 2)
        file.write(bytes(4096))
    done = gbbgky("run", CASE, "-o", target, *sets("time.end=30.0"), "--resume")
    assert done.returncode == 2 and "damaged" in done.stderr and len(done.stderr.splitlines()) == 1
    whole = bytearray(target.read_bytes())
    whole[len(whole) // 3] ^= 4
    target.write_bytes(whole)
    for command in (["info"], ["plot", "-o", tmp_path / "a.png"]):
        done = gbbgky(*command, target)
        assert done.returncode == 2 and "damaged" in done.stderr


def test_a_checkpoint_of_version_one_is_resumed(tmp_path):
    """It has no version, no checksums and one block, all of g."""
    target = tmp_path / "out.h5"
    assert gbbgky("run", CASE, "-o", target, *sets()).returncode == 0
    make_old(target, 1)
    done = gbbgky("run", CASE, "-o", target, *sets("time.end=30.0"), "--resume")
    assert done.returncode == 0, done.stderr
    with h5py.File(target) as file:
        assert file["series/t"][-1] == 30.0 and file["checkpoint"].attrs["version"] == 3


def test_names_are_printed_as_they_are(tmp_path):
    """Neither a terminal, nor the markup of tables, nor that of formulas takes a name for a command."""
    target = tmp_path / "[/b] $_$ \x1b[31m.h5"
    done = gbbgky("run", CASE, "-o", target, *sets())
    assert done.returncode == 0, done.stderr
    assert gbbgky("plot", target, "-o", tmp_path / "new folder" / "a.png").returncode == 0
    with h5py.File(target, "r+") as file:
        file.attrs["note"] = "\x1b]0;gone\x07"
    shown = gbbgky("info", target)
    assert shown.returncode == 0 and "\x1b" not in shown.stdout and "\\x1b]0;gone\\x07" in shown.stdout
    missing = gbbgky("info", tmp_path / "\x1b[2J.h5")
    assert "\x1b" not in missing.stderr and "\\x1b[2J" in missing.stderr


@pytest.mark.parametrize(
    "arguments",
    ["-options_file /nowhere", "-ts_dt", "-ts_dt abc", "--bogus", "--set petsc.pc_python_type=this.s"],
)
def test_bad_arguments_are_one_line(tmp_path, arguments):
    done = gbbgky("run", CASE, "-o", tmp_path / "out.h5", *sets(), *arguments.split())
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1, done.stderr
    assert not list(tmp_path.iterdir())


TRUSTED = {
    "ts_type": "rosw", "ksp_rtol": 1e-4, "pc_python_type": "normal_modes", "ts_adapt_dt_max": "5e3", "ts_monitor": True,
    "normal_modes_pc_factor_levels": 2, "kinetic_ts_adapt_wnormtype": "infinity", "-ksp_gmres_restart": 60,
    "pc_factor_mat_ordering_type": "rcm", "log_view": "", "mat_mumps_icntl_14": 40, "ts_rk_type": "5dp",
}  # fmt: skip
UNTRUSTED = {
    "pc_python_type": "this.s", "ts_monitor": "ascii:x", "options_file": "x", "ts_monitor_solution_vtk": "x",
    "log_view": ":x", "start_in_debugger": "", "on_error_attach_debugger": "sh", "dll_append": "x", "info": "x",
    "mat_view": "binary:x", "ts_trajectory_dirname": "x", "history": "x", "ksp_view_mat": "ascii", "malloc_dump": "x",
    "mat_mumps_ooc_tmpdir": "x", "sub_pc_python_type": "a.b", "ksp_monitor": "draw", "prefix_push": "x",
    "ts_type": "a/b", "viewer_hdf5_x": 1, "x": "y", "saws_port": 80,
}  # fmt: skip


def test_a_case_may_choose_solvers_but_not_code_or_files():
    trust.check(TRUSTED)
    for key, value in UNTRUSTED.items():
        with pytest.raises(InputError, match=f"petsc.{key}"):
            trust.check({key: value})


def test_trust_is_asked_for_on_the_command_line(tmp_path):
    written = tmp_path / "norm.txt"
    setting = settings(f"petsc.ts_monitor='ascii:{written}'")
    assert gbbgky("run", CASE, "-o", tmp_path / "a.h5", *sets(), *setting).returncode == 2 and not written.exists()
    assert gbbgky("run", CASE, "-o", tmp_path / "a.h5", *sets(), *setting, "--trust-case").returncode == 0
    assert written.exists()


def test_launchers_of_another_mpi_are_refused():
    for variables in ({"OMPI_COMM_WORLD_SIZE": "4"}, {"PMI_SIZE": "4"}, {"SLURM_STEP_NUM_TASKS": "4"}):
        with pytest.raises(InputError, match=r"started 4 processes"):
            environment.check_launcher(1, variables)
        with pytest.raises(InputError, match=r"with 4 processes"):
            environment.check_alone("plot", variables)
        environment.check_launcher(4, variables)
    environment.check_launcher(1, {"SLURM_NTASKS": "4", "SLURM_PROCID": "0"})  # a batch script that runs one process
    environment.check_alone("plot", {"OMPI_COMM_WORLD_SIZE": "1"})


class Error(RuntimeError):
    """Stands for petsc4py.PETSc.Error, which it is named like."""

    def __init__(self, text, code):
        super().__init__(text)
        self.ierr = code


Error.__module__ = "petsc4py.PETSc"


def test_petsc_failures_name_option_value_and_cause():
    stack = "error code 86\n[0] TSSetFromOptions() at ./x.c:106\n[0] TSSetType() at ./x.c:53\n"
    unknown = Error(stack + "[0] Unknown type. Check for miss-spelling or ...\n[0] Unknown TS type: nonsense", 86)
    options = {"ts_dt": "0.1", "ts_type": "nonsense", "options_left": None}
    line = petsc_failures.describe(unknown, options)
    assert line.startswith("-ts_type nonsense: PETSc: Unknown type. Unknown TS type: nonsense: in TSSetType (error 86)")
    assert "transpose" in petsc_failures.describe(Error("error code 56\n[0] MatMultTranspose() at ./m.c:1", 56), {})
    assert isinstance(petsc_failures.as_error(unknown, options), SolverError)
    wrapped = Error("error code 101", 101)
    wrapped.__cause__ = StorageError("full")
    assert str(petsc_failures.as_error(wrapped, {})) == "full"
    assert petsc_failures.as_error(ValueError("ours"), {}) is None
    assert isinstance(petsc_failures.as_error(KeyError("(prefix:None, name:ts_dt)"), {}), InputError)


def test_one_line_spells_out_control_characters():
    assert one_line("a\n b\x1b[0m\u202e é") == "a b\\x1b[0m\\u202e é"
