"""PETSc options of one object: which value holds, and that nothing of it is left for others."""

import pytest
from petsc4py import PETSc
from processes import CASE, gbbgky, sets

from gbbgky_petsc.errors import InputError
from gbbgky_petsc.solvers.integrator import preconditioner_class
from gbbgky_petsc.solvers.options import ScopedOptions, option_errors


@pytest.fixture
def line():
    """Options as if from the command line: a function that sets some; all are taken back."""
    database, names = PETSc.Options(), []

    def give(**options):
        for name, value in options.items():
            database[name] = value
            names.append(name)

    before = dict(database.getAll())
    yield give
    for name in names:
        database.delValue(name)
    assert dict(database.getAll()) == before


def contents():
    return dict(PETSc.Options().getAll())


def test_command_line_before_table_before_presets(line):
    line(x_one="line")
    options = ScopedOptions("x_", {"one": "preset", "two": "preset", "three": "preset"}, {"x_one": 1, "-x_two": True})
    assert [options.get(name) for name in ("one", "two", "three", "four")] == ["line", "true", "preset", None]
    with options.inserted():
        inside = contents()
    assert [inside[f"x_{name}"] for name in ("one", "two", "three")] == ["line", "true", "preset"]
    assert options.resolved() == {"x_one": "line", "x_two": "true", "x_three": "preset"} | contents()


def test_nothing_is_left_behind(line):
    line(x_one="line", other="line")
    before = contents()
    options = ScopedOptions("x_", {"one": "preset", "two": "preset"}, {"y_three": 3.5})
    with options.inserted(two="replaced"):
        assert contents()["x_two"] == "replaced" and contents()["y_three"] == "3.5"
    assert contents() == before
    with pytest.raises(RuntimeError), options.inserted(four="replaced"):
        raise RuntimeError
    assert contents() == before


def test_replaced_values_are_restored(line):
    """Those of the command line come back as they were, those of the table as if never there."""
    line(x_one="line")
    before = contents()
    options = ScopedOptions("x_", {"one": "preset"}, {"x_two": "table"})
    with options.inserted(one="replaced", two="replaced"):
        assert contents()["x_one"] == contents()["x_two"] == "replaced"
    assert contents() == before
    with options.inserted():
        assert contents()["x_one"] == "line" and contents()["x_two"] == "table"


def test_scopes_do_not_see_each_other():
    one, two = ScopedOptions("", {"dt": "1"}), ScopedOptions("", {"dt": "2", "end": "3"})
    with one.inserted():
        assert PETSc.Options().getReal("dt") == 1.0
    with two.inserted():
        assert PETSc.Options().getReal("dt") == 2.0
    assert one.get("end") is None and "dt" not in contents()


def test_numbers(line):
    line(x_bad="many")
    options = ScopedOptions("x_", {"good": "2.5"})
    assert options.number("good") == 2.5 and options.number("absent") is None
    with pytest.raises(InputError, match="-x_bad many"):
        options.number("bad")


def test_what_petsc_refuses_is_an_input_error():
    ts = PETSc.TS().create(comm=PETSc.COMM_SELF)
    with pytest.raises(InputError, match="nonsense"), option_errors():
        ts.setType("nonsense")
    ts.destroy()


def test_a_solver_without_norms_ends_on_two_ranks(tmp_path):
    """Norms that it computes for monitors alone are computed on all ranks."""
    settings = sets("time={end=5.0}", "output.snapshots_at=[]")
    done = gbbgky("run", CASE, "-o", tmp_path / "out.h5", *settings, "-ksp_type", "preonly", ranks=2)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["os.path", "json.JSONDecoder", "nonsense"])
def test_preconditioners_are_classes_that_apply(name):
    with pytest.raises(InputError, match=f"-pc_python_type {name}: unknown; allowed: .* with a method apply"):
        preconditioner_class(name)
