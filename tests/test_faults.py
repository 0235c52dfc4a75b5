"""The fault suite: kills, signals, full disks, bad options and mutated files by the dozen. `make faults`, minutes.

Every fault counts as handled if its command ends in time with a documented code and, unless that is 0, one line; and if
what it leaves is right. The seed is printed and may be set by GBBGKY_FAULT_SEED.
"""

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
import pytest
from test_cli import CASE, RINGS, sets
from test_endings import ENDLESS

from gbbgky_petsc import case as case_file
from gbbgky_petsc import problem
from gbbgky_petsc.commands.look import info
from gbbgky_petsc.errors import InputError
from gbbgky_petsc.store.reader import read, read_checkpoint

pytestmark = pytest.mark.faults

SEED = int(os.environ.get("GBBGKY_FAULT_SEED", "12"))
#: codes of docs/errors.md that a fault may end with; 1 is a failure nobody expected
DOCUMENTED = {0, 2, 3, 5, 75, 130}


class Tally:
    """What was tried, and what was mishandled, of one kind."""

    def __init__(self) -> None:
        self.tried: dict[str, int] = {}
        self.wrong: dict[str, list[str]] = {}

    def __call__(self, kind: str, what: str, fault: str | None) -> None:
        self.tried[kind] = self.tried.get(kind, 0) + 1
        if fault:
            self.wrong.setdefault(kind, []).append(f"{what}: {fault}")

    def check(self, kind: str) -> None:
        wrong = self.wrong.get(kind, [])
        assert not wrong, f"seed {SEED}: {len(wrong)} of {self.tried[kind]} mishandled\n" + "\n".join(wrong)

    def table(self) -> str:
        rows = [f"| {kind} | {n} | {len(self.wrong.get(kind, []))} |" for kind, n in self.tried.items()]
        return "\n".join([f"seed {SEED}", "| what | tried | mishandled |", "|---|---|---|", *rows])


@pytest.fixture(scope="module")
def tally(request) -> Iterator[Tally]:
    made = Tally()
    yield made
    with request.config.pluginmanager.get_plugin("capturemanager").global_and_fixture_disabled():
        print(f"\n{made.table()}")


def command(*words, ranks=1, before=""):
    """Words of a process; ``before`` is Python that each rank runs first."""
    script = f"import sys; from gbbgky_petsc.cli import main\n{before}\nmain({[str(w) for w in words]!r})"
    return [*(["mpirun", "--oversubscribe", "-n", str(ranks)] if ranks > 1 else []), sys.executable, "-c", script]


@contextmanager
def started(*words, ranks=1, before=""):
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("OMPI_", "PMIX_", "ORTE_"))}
    environment |= {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    running = subprocess.Popen(
        command(*words, ranks=ranks, before=before), env=environment, text=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        yield running
    finally:
        running.kill()
        running.wait()


def judged(running, seconds=60.0, codes=DOCUMENTED):
    """What is wrong with the way a process ends; None if nothing is."""
    try:
        _, err = running.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        return f"still there after {seconds:g} s"
    if running.returncode not in codes:
        return f"code {running.returncode}: {err[-300:]}"
    if "Traceback" in err:
        return f"traceback: {err[-300:]}"
    lines = [x for x in re.split(r"[\r\n]", err) if "gbbgky: " in x and "gbbgky: warning: " not in x]
    if running.returncode and len(lines) != 1:
        return f"code {running.returncode} with {len(lines)} lines: {err[-300:]}"
    return None


def tried(*words, ranks=1, before="", **how):
    with started(*words, ranks=ranks, before=before) as running:
        return judged(running, **how)


def await_file(path, running, seconds=60.0):
    limit = time.monotonic() + seconds
    while not path.exists() and running.poll() is None and time.monotonic() < limit:
        time.sleep(0.02)


KINDS = {
    "run": (*sets("time={end=3.0}", "output.snapshots_at=[]", "output.series_every=1.0",
                  "output.checkpoint_seconds=1e-9", "output.flush_seconds=1e-9"), *ENDLESS),
    "md": tuple(w for a in (*RINGS, "md.realisations=12", "output.flush_seconds=1e-9") for w in ("--set", a)),
}  # fmt: skip


def same(one, two):
    """What differs between two results of the same run."""
    with h5py.File(one) as a, h5py.File(two) as b:
        if not (a.attrs["complete"] and b.attrs["complete"]):
            return "not complete"
        for name in a["series"]:
            x, y = a[f"series/{name}"][()], b[f"series/{name}"][()]
            if x.shape != y.shape or not np.allclose(x, y, rtol=1e-10, atol=1e-13, equal_nan=True):
                return f"another {name}"
    return None


@pytest.mark.parametrize("kind", KINDS)
def test_kill_and_resume(kind, tmp_path, tally):
    """Chains of kill -9 at random moments, gone on with --resume=auto, against a run that was left alone."""
    what, dice = f"kill -9, {kind}", random.Random(SEED)
    straight = tmp_path / "straight.h5"
    assert tried(kind, CASE, "-o", straight, *KINDS[kind]) is None
    for chain in range(3):
        target = tmp_path / f"chain{chain}.h5"
        for _ in range(3):
            with started(kind, CASE, "-o", target, *KINDS[kind], "--resume=auto", ranks=1 + chain % 2) as running:
                await_file(target, running)
                time.sleep(dice.uniform(0.0, 0.6))
                running.send_signal(signal.SIGKILL)
                running.communicate()
            time.sleep(0.5)  # for ranks that lost their launcher
        fault = tried(kind, CASE, "-o", target, *KINDS[kind], "--resume=auto")
        tally(what, f"chain {chain}", fault or same(target, straight))
    tally.check(what)


@pytest.mark.parametrize("ranks", [1, 2])
def test_signals(ranks, tmp_path, tally):
    what = f"signals, {ranks} rank(s)"
    for kind in KINDS:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2):
            if ranks > 1 and number in (signal.SIGTERM, signal.SIGINT):
                continue  # Open MPI's launcher kills its ranks on these
            target = tmp_path / f"{kind}{number}.h5"
            longer = ("--set", "time.end=500.0") if kind == "run" else ("--set", "md.realisations=100000")
            with started(kind, CASE, "-o", target, *KINDS[kind], *longer, ranks=ranks) as running:
                await_file(target, running)
                running.send_signal(number)
                fault = judged(running, codes={75})
            if fault is None and not target.exists():
                fault = "nothing saved"
            tally(what, f"{kind} {number.name}", fault)
    tally.check(what)


@contextmanager
def small_disk(folder, size):
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], capture_output=True)
    if done.returncode:
        pytest.skip("no tmpfs can be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_full_disk(tmp_path, tally):
    for kind in KINDS:
        for i, size in enumerate((8192, 65536, 300_000, 700_000, 1_100_000)):
            with small_disk(tmp_path / f"{kind}{i}", size) as folder:
                target = folder / "out.h5"
                end = ("--set", "time.end=10.0") if kind == "run" else ("--set", "md.realisations=400")
                fault = tried(kind, CASE, "-o", target, *KINDS[kind], *end, codes={0, 5})
                if fault is None and target.exists():
                    try:
                        read(target)
                    except InputError as error:
                        fault = f"left a result that is damaged: {error}"
                tally("full disk", f"{kind} {size}", fault)
    tally.check("full disk")


def test_two_writers(tmp_path, tally):
    dice = random.Random(SEED)
    for pair in range(5):
        target = tmp_path / f"{pair}.h5"
        words = ("run", CASE, "-o", target, *KINDS["run"])
        with started(*words) as one:
            time.sleep(dice.uniform(0.0, 0.3))
            with started(*words, "--force") as two:
                faults = [judged(one), judged(two)]
        codes = sorted([one.returncode, two.returncode])
        fault = next((f for f in faults if f), None)
        if fault is None and not (codes == [0, 2] or codes == [0, 0]):
            fault = f"codes {codes}"
        tally("two writers", f"pair {pair}", fault or same(target, target))
    tally.check("two writers")


RAISED = (
    "InputError('planted')",
    "SolverError('planted')",
    "StorageError('planted')",
    "KeyboardInterrupt",
    "Stopped('x')",
)


def test_fault_on_one_rank(tmp_path, tally):
    places = {
        "hierarchy.run": "from gbbgky_petsc.commands import hierarchy as owner; name = 'run'",
        "problem.build": "from gbbgky_petsc import problem as owner; name = 'build'",
    }
    for place, found in places.items():
        for raised in RAISED:
            before = (
                f"from gbbgky_petsc.errors import *\nfrom mpi4py import MPI\n{found}\nformer = getattr(owner, name)\n"
                f"def planted(*a, **k):\n    if MPI.COMM_WORLD.rank == 1: raise {raised}\n    return former(*a, **k)\n"
                "setattr(owner, name, planted)"
            )
            fault = tried("run", CASE, "-o", tmp_path / "out.h5", *KINDS["run"], ranks=2, before=before, seconds=20.0,
                          codes=DOCUMENTED - {0})  # fmt: skip
            tally("fault on one rank only", f"{raised} in {place}", fault)
    tally.check("fault on one rank only")


TS = """
    euler beuler basicsymplectic pseudo cn rk theta alpha alpha2 glle glee arkimex rosw eimex mimex bdf radau5 mprk
    discgrad ssp sundials irk dirk nonsense
"""
KSP = """
    richardson chebyshev cg groppcg pipecg cgne nash stcg gltr fcg pipefcg gmres pgmres fgmres pipefgmres lgmres
    dgmres tcqmr bcgs ibcgs qmrcgs fbcgs fbcgsr bcgsl pipebcgs cgs tfqmr cr pipecr lsqr preonly none qcg bicg minres
    symmlq lcd python gcr pipegcr tsirm cgls fetidp hpddm nonsense
"""
PC = """
    none jacobi sor lu qr shell bjacobi mg eisenstat ilu icc cholesky asm gasm ksp composite redundant spai nn mat
    fieldsplit galerkin svd gamg kaczmarz hmg lsc hypre bddc tfs ml python nonsense
"""
ODD = """
    ts_dt; ts_dt -1; ts_dt nan; ts_dt 1e300; ts_time_step 0; ts_rtol x; ts_atol -1; ksp_rtol 2; ksp_rtol -1;
    ksp_max_it 0; ksp_gmres_restart 0; ksp_gmres_restart -3; snes_type nonsense; snes_max_it 0; ts_max_steps 0;
    ts_max_steps -5; ts_max_time 1; dm_vec_type x; vec_type x; mat_type x; ksp_pc_side left; ksp_pc_side nonsense;
    ts_adapt_type nonsense; ts_adapt_dt_max 0; ts_rosw_type x; ts_exact_final_time stepover; ts_adapt_dt_min 1e9;
    options_file /nowhere; options_file /; pc_python_type x; pc_python_type os.path; pc_lyapunov_refresh x;
    pc_lines_refresh -1; log_view :/nowhere/x; ts_type euler -ts_dt 2; ts_type rk -ts_adapt_type none -ts_dt 5;
    normal_modes_pc_type x
"""


@pytest.mark.parametrize("kind", ["ts_type", "ksp_type", "pc_type", "others"])
def test_petsc_options(kind, tmp_path, tally):
    """Six steps of a small run: none may crash, hang, or call what is not finite a result."""
    words = {"ts_type": TS, "ksp_type": KSP, "pc_type": PC}.get(kind)
    options = ODD.split(";") if words is None else [f"{kind} {word}" for word in words.split()]
    what, target = f"PETSc options, {kind}", tmp_path / "out.h5"
    small = sets("mesh.theta_points=28", "mesh.theta_max=4.5", "time={end=8.0}", "output.snapshots_at=[]")
    for option in options:
        fault = tried("run", CASE, "-o", target, "--force", *small, *f"-{option.strip()}".split(), seconds=40.0)
        if target.exists():
            with h5py.File(target) as file:
                values = [file[f"series/{name}"][()] for name in file["series"]]
            if fault is None and not all(np.all(np.isfinite(v)) for v in values):
                fault = "a result that is not finite"
            target.unlink()
        tally(what, option.strip(), fault)
    tally.check(what)


class Hangs(Exception):
    pass


@contextmanager
def alarm(seconds):
    def ring(*_):
        raise Hangs

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def refused(action, seconds=20):
    """None if an action works or ends in an `InputError` of one short line."""
    try:
        with alarm(seconds), np.errstate(all="ignore"):
            action()
    except InputError as error:
        text = str(error)
        return f"{len(text)} characters" if len(text) > 4000 or "\n" in text else None
    except Hangs:
        return f"hangs for {seconds} s"
    except BaseException as error:
        return f"{type(error).__name__}: {str(error)[:150]}"
    return None


@pytest.mark.filterwarnings("ignore")
def test_edge_values(tally):
    keys = [f"{table}.{key}" for table, values in tomllib.loads(CASE.read_text()).items() for key in values]
    keys += [
        "mesh.theta_max",
        "mesh.theta_points",
        "mesh.z_max",
        "mesh.z_spacing",
        "kinetic.tolerance",
        "md.step",
        "output.flush_seconds",
        "output.checkpoint_seconds",
        "mesh.absorber_rate",
        "md.force_tolerance",
    ]
    values = ["0", "-1", "1e300", "1e-300", "nan", "inf", "1e6", "1e-9", "9" * 5000, "x", "[]", "{}", "''", "true"]
    for key in keys:
        for value in values:
            assignment = f"{key}={value}"
            fault = refused(lambda a=assignment: problem.build(case_file.load(CASE, [a]), CASE.parent))
            tally("values at the edge", assignment[:60], fault)
    tally.check("values at the edge")


def mutated(text, dice):
    """A text with one to four random edits."""
    lines = text.splitlines()
    for _ in range(dice.randint(1, 4)):
        i = dice.randrange(len(lines))
        edit = dice.randrange(6)
        if edit == 0:
            lines[i] = "".join(c for c in lines[i] if dice.random() > 0.1)
        elif edit == 1:
            lines.insert(i, dice.choice(lines))
        elif edit == 2:
            lines[i] = re.sub(r"\d+", lambda m: str(dice.choice([0, -7, 10**9, 10**30])), lines[i], count=1)
        elif edit == 3:
            del lines[i]
            lines = lines or [""]
        elif edit == 4:
            j = dice.randrange(len(lines[i]) + 1)
            lines[i] = lines[i][:j] + dice.choice("\x00\x1b\u202e[]={}\"'#.,é\n") + lines[i][j:]
        else:
            j = dice.randrange(len(lines))
            lines[i], lines[j] = lines[j], lines[i]
    return "\n".join(lines)


@pytest.mark.filterwarnings("ignore")
def test_mutated_cases(tmp_path, tally):
    dice, path = random.Random(SEED), tmp_path / "case.toml"
    for number in range(400):
        path.write_text(mutated(CASE.read_text(), dice), encoding="utf-8", errors="surrogateescape")
        fault = refused(lambda: problem.build(case_file.load(path), tmp_path))
        tally("mutated case files", f"number {number}", fault)
    tally.check("mutated case files")


def test_mutated_results(tmp_path, tally):
    """A byte flipped, a stretch zeroed, the end cut off or doubled: refused, or read as it was."""
    good, bad = tmp_path / "good.h5", tmp_path / "bad.h5"
    assert tried("run", CASE, "-o", good, *KINDS["run"]) is None
    dice, whole = random.Random(SEED), good.read_bytes()
    reference = read(good).series["kurtosis"]
    for number in range(200):
        data = bytearray(whole)
        place = dice.randrange(len(data))
        match number % 4:
            case 0:
                data[place] ^= 1 << dice.randrange(8)
            case 1:
                data[place : place + 64] = bytes(len(data[place : place + 64]))
            case 2:
                del data[place:]
            case _:
                data += data[place:]
        bad.write_bytes(data)

        def look():
            if not np.array_equal(read(bad).series["kurtosis"], reference):
                raise ValueError("other numbers, without a word")
            read_checkpoint(bad)

        tally("mutated result files", f"number {number}", refused(look, 40))
    tally.check("mutated result files")


def test_odd_names(tmp_path, tally):
    names = [
        "[/b].h5",
        "$_$.h5",
        "a b.h5",
        "\x1b[31m.h5",
        "é\u202e.h5",
        "-o.h5",
        "%s{x}.h5",
        "x" * 240 + ".h5",
        "x" * 300,
        "new/folder/out.h5",
        ".h5",
        "..",
        "",
        "a\nb.h5",
        "'\"`.h5",
        "\udcff.h5",
        "~",
        "CON",
        "*?.h5",
    ]
    for name in names:
        target = tmp_path / name
        fault = tried("run", CASE, "-o", target, *sets("time={end=1.0}", "output.snapshots_at=[]"))
        if fault is None and os.path.isfile(target):  # unlike Path.is_file false for names that are too long
            fault = refused(lambda t=target: info(t)) or tried("plot", target, "-o", tmp_path / f"{len(name)}.png")
        tally("odd names", repr(name[:30]), fault)
    for kind in ("/dev/null", "/proc/x.h5", str(tmp_path)):
        tally("odd names", kind, tried("run", CASE, "-o", kind, "--force", *sets(), codes={2}))
    tally.check("odd names")
    assert Path("/dev/null").is_char_device() and shutil.which("mpirun")
