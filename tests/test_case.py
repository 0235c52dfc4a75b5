"""The case file: what it refuses and how it says so, tables that travel with it, models from files."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from gbbgky_petsc import case as case_file
from gbbgky_petsc import problem
from gbbgky_petsc.errors import InputError
from gbbgky_petsc.physics.models import HardRods, IdealGas, IntegrableModel

RUNS = Path(__file__).parent.parent / "runs"
CASE = RUNS / "fig2_phi6_quick.toml"
BOSONS = "model={kind='lieb_liniger',coupling=1.0}"


def build(*assignments, path=CASE):
    return problem.build(case_file.load(path, assignments), path.parent)


@pytest.mark.parametrize("path", sorted(RUNS.glob("*.toml")), ids=lambda p: p.stem)
def test_resolved_case_is_the_case(path):
    case = case_file.load(path)
    assert case_file.parse(case_file.tree_of(case_file.resolved(case))) == case


STATES = {
    "chemical potential": "state={kind='thermal',beta=2.0,chemical_potential=0.3}",
    "boosted": "state={kind='thermal',density=0.3,beta=2.0,boost=1.5}",
    "split": "state={kind='split',density=0.3,beta=2.0,boost=2.0}",
    "split through rho": "state={kind='split',density=0.3,beta=2.0,boost=2.0,through='density'}",
    "gge": "state={kind='gge',density=0.3,betas=[0.1,-1.0,0.0,0.5]}",
    "gge at beta_0": "state={kind='gge',beta_0=0.5,betas=[0.1,-1.0,0.0,0.5]}",
    "filling": "state={kind='table',quantity='filling',theta=[-3,-1,0,1,3],values=[0,0.8,0.9,0.8,0]}",
}


@pytest.mark.parametrize("state", STATES)
def test_states_of_bosons(state):
    """Each builds a state of Lieb-Liniger bosons with the density it says."""
    built = build(BOSONS, STATES[state], "mesh.theta_max=7.0", "mesh.theta_points=64")
    mesh = built.mesh
    n = built.model.filling(mesh.theta, mesh.theta_weight, built.rho)
    assert n.min() > -1e-12 and n.max() < 1.0
    assert mesh.theta_weight * built.rho.sum() == pytest.approx(built.state.density, rel=1e-12)
    given = getattr(built.case.state, "density", None)
    assert given is None or given == built.state.density
    if state == "filling":
        from scipy.interpolate import PchipInterpolator

        table = PchipInterpolator([-3, -1, 0, 1, 3], [0, 0.8, 0.9, 0.8, 0], extrapolate=False)
        np.testing.assert_allclose(n, np.nan_to_num(table(mesh.theta)), atol=1e-12)


def test_ground_state_needs_a_fine_mesh():
    with pytest.raises(InputError, match=r"mesh.theta_points = 48: too few"):
        build(BOSONS, "state={kind='ground',density=0.5}")
    built = build(BOSONS, "state={kind='ground',density=0.5}", "mesh.theta_max=3.0", "mesh.theta_points=300")
    n = built.model.filling(built.mesh.theta, built.mesh.theta_weight, built.rho)
    assert abs(n.max() - 1.0) < 1e-12 and (n > 1e-9).sum() < 150


REFUSED = {
    "filling above one": ((BOSONS, "state.density=3.0"), "state.density = 3: filling reaches 1."),
    "free fermions": (("model={kind='free',statistics='fermionic'}", "state.density=2.0"), "allowed: from 0 to 1"),
    "condensate": (
        ("model={kind='free',statistics='bosonic'}", "state={kind='thermal',density=5.0,beta=4.0}"),
        "state.density = 5: beyond condensation",
    ),
    "condensate at chemical potential": (
        ("model={kind='free',statistics='bosonic'}", "state={kind='thermal',chemical_potential=0.01,beta=4.0}"),
        "state.chemical_potential = 0.01: no state of this model",
    ),
    "condensate at zero": (
        ("model={kind='free',statistics='bosonic'}", "state={kind='thermal',chemical_potential=0.0,beta=2.0}"),
        "state.chemical_potential = 0: no state of this model",
    ),
    "full window": ((BOSONS, "state={kind='thermal',density=300.0,beta=1.0}"), "larger mesh.theta_max"),
    "ground state of rods": (("state={kind='ground',density=0.2}",), "have no Fermi edge"),
    "two densities": (("state={kind='thermal',density=0.2,beta=1,chemical_potential=1}",), "exactly one of"),
    "gge without norm": (("state={kind='gge',density=0.2,betas=[0.0,1.0,0.1]}",), "do not confine"),
    "density of a filling": (
        ("state={kind='table',quantity='filling',density=0.2,theta=[-3,-1,1,3],values=[0,0.1,0.1,0]}",),
        "a filling has its own",
    ),
    "filling table": (
        (BOSONS, "state={kind='table',quantity='filling',theta=[-3,-1,1,3],values=[0,1.1,1.1,0]}"),
        "state.values: n reaches 1.1",
    ),
    "no transform": (("potential.exponent=1.0",), "potential.exponent = 1.0: no Fourier transform at k = 0"),
    "no transform of a part": (
        ("potential={kind='sum',strength=1.0,range=20.0,parts=[{kind='power',exponent=0.5,strength=1.0,range=1.0}]}",),
        "potential.parts.0.exponent = 0.5: no Fourier transform",
    ),
    "delta without a coupling": (
        ("potential={kind='dipolar',strength=1.0,range=20.0,delta_in_coupling=true}",),
        "potential.delta_in_coupling = true: allowed: with model.kind = lieb_liniger",
    ),
    "delta that attracts": (
        (BOSONS, "potential={kind='dipolar',strength=3.0,range=20.0,delta_in_coupling=true}"),
        "model.coupling = 1: -3 with the potential's delta function; allowed: a positive sum",
    ),
    "no table": (("potential={kind='table',strength=1.0,range=20.0}",), "potential.file"),
    "short table": (
        ("potential={kind='table',strength=1.0,range=20.0,x=[0,1,2],phi=[1,0.5,0]}",),
        "potential.x, potential.phi: columns of 3",
    ),
    "part of a sum": (
        ("potential={kind='sum',strength=1.0,range=20.0,parts=[{kind='gaussian',strength=1.0,rnge=1.0}]}",),
        "potential.parts.0.rnge = 1.0: unknown key; allowed: strength, range, kind",
    ),
    "kind of a part": (
        ("potential={kind='sum',strength=1.0,range=20.0,parts=[{kind='square',strength=1.0,range=1.0}]}",),
        "potential.parts.0.kind = 'square': unknown; allowed: power, lorentzian",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refusals_are_one_line(what):
    assignments, text = REFUSED[what]
    with pytest.raises(InputError) as caught:
        build(*assignments)
    assert text in str(caught.value) and "\n" not in str(caught.value)


def test_tables_travel_with_the_case(tmp_path, monkeypatch):
    """A resolved case builds the same problem where the tables are not; the two forms of a table agree."""
    home, away = tmp_path / "home", tmp_path / "away"
    home.mkdir(), away.mkdir()
    x, theta = np.linspace(0.0, 6.0, 60), np.linspace(-4.0, 4.0, 80)
    np.savetxt(home / "phi.txt", np.stack([x, 1.0 / 3.0 * np.exp(-(x**2))], axis=1))
    np.savetxt(home / "rho.csv", np.stack([theta, np.exp(-(theta**2) / 3.0)], axis=1), delimiter=",")
    shutil.copy(CASE, home / "case.toml")
    files = ("potential={kind='table',file='phi.txt',strength=4.0,range=20.0}",
             "state={kind='table',file='rho.csv',density=0.2}")  # fmt: skip
    one = build(*files, path=home / "case.toml")
    stored = case_file.resolved(one.case)
    shutil.rmtree(home)
    monkeypatch.chdir(away)
    other = problem.build(case_file.parse(case_file.tree_of(stored)), away)
    assert case_file.first_difference(other.case, one.case, ()) is None
    np.testing.assert_array_equal(one.rho, other.rho)
    np.testing.assert_array_equal(one.potential(x), other.potential(x))
    changed = one.case.model_copy(update={"potential": one.case.potential.model_copy(update={"phi": [0.0] * 60})})
    assert case_file.first_difference(changed, one.case, ()) == (
        "potential.phi = 60 numbers: the run to resume has 60 numbers"
    )


def test_table_within_a_sum(tmp_path):
    (tmp_path / "phi.txt").write_text("0 1\n1 0.5\n2 0.2\n3 0\n")
    shutil.copy(CASE, tmp_path / "case.toml")
    parts = "[{kind='table',file='phi.txt',strength=0.5,range=2.0},{kind='exponential',strength=1.0,range=1.0}]"
    case = case_file.load(tmp_path / "case.toml", (f"potential={{kind='sum',strength=4.0,range=20.0,parts={parts}}}",))
    (tmp_path / "phi.txt").unlink()
    potential = case_file.parse(case_file.tree_of(case_file.resolved(case))).potential.build()
    assert float(potential(40.0)) == pytest.approx(4.0 / 20.0 * (0.5 / 2.0 * 0.5 + np.exp(-2.0)), rel=1e-12)


def test_delta_function_of_dipoles_in_the_coupling():
    """V0 [phi - (8/3) delta]/xi beside 2c delta: c - (4/3) V0, of the part's own strength in a sum; said once."""
    dipoles = "kind='dipolar',strength=0.3,range=10.0"
    plain, moved = (build(BOSONS, "state={kind='thermal',density=0.2,beta=1.0}", f"potential={{{dipoles}{more}}}")
                    for more in ("", ",delta_in_coupling=true"))  # fmt: skip
    assert plain.model.coupling == 1.0 and plain.case.coupling_note == ""
    assert moved.model.coupling == pytest.approx(0.6, rel=1e-14)
    assert moved.case.coupling_note.startswith("c = 0.6: 1 of model.coupling and -0.4")
    x = np.linspace(0.0, 30.0, 7)
    np.testing.assert_array_equal(plain.potential(x), moved.potential(x))
    parts = "[{kind='gaussian',strength=1.0,range=1.0},{kind='dipolar',strength=-2.0,range=1.0,delta_in_coupling=true}]"
    both = case_file.load(CASE, (BOSONS, f"potential={{kind='sum',strength=0.3,range=10.0,parts={parts}}}"))
    assert both.build_model(CASE.parent).coupling == pytest.approx(1.0 + 4.0 / 3.0 * 0.6, rel=1e-14)


def test_statistics_of_the_free_gas():
    built = build("model={kind='free',statistics='bosonic'}", "state={kind='thermal',density=0.1,beta=1.0}")
    assert isinstance(built.model, IdealGas) and built.model.statistics.name == "bosonic"


@pytest.mark.parametrize("amplitude", [-1.0, 1.0])
def test_bethe_gas(amplitude):
    """The worked example of a model from a file: a Lorentzian shift of either sign, thermal and far from it."""
    path = RUNS / "bethe_gas.toml"
    built = build(f"model.parameters.amplitude={amplitude}", path=path)
    assert isinstance(built.model, IntegrableModel) and built.model.contact_length == pytest.approx(1.0)
    b = built.model.background(built.mesh.theta, built.mesh.theta_weight, built.rho)
    assert np.all(np.sign(b.unit_dressed - 1.0) == np.sign(amplitude))


def test_wide_bethe_gas_is_one_of_rods():
    """So wide a Lorentzian is a constant: rods of length 1, by their closed forms."""
    far = build("model.parameters.width=1e6", path=RUNS / "bethe_gas.toml")
    mesh = (far.mesh.theta, far.mesh.theta_weight, far.rho)
    found, rods = far.model.background(*mesh), HardRods(1.0).background(*mesh)
    np.testing.assert_allclose(found.flux_jacobian, rods.flux_jacobian, atol=1e-9)
    np.testing.assert_allclose(found.diffusion, rods.diffusion, atol=1e-9)
    np.testing.assert_allclose(found.kernel_dressed, rods.kernel_dressed, atol=1e-9)


HEAD = "import numpy as np\nfrom gbbgky_petsc.physics.models import IntegrableModel\n"
GOOD = "class Gas(IntegrableModel):\n    def scattering_kernel(self, d):\n        return {}\n"
BAD_FILES = {
    "not symmetric": (HEAD + GOOD.format("np.exp(-(d - 0.1) ** 2)"), "allowed: an even T"),
    "not finite": (HEAD + GOOD.format("1.0 / d"), "T is not finite at 0"),
    "wrong shape": (HEAD + GOOD.format("np.exp(-d ** 2).sum()"), "allowed: real numbers of the same shape"),
    "no function": (HEAD + GOOD.format("np.exp(-d ** 2) / d.shape[0]"), "depends on the others of its array"),
    "some shapes only": (HEAD + GOOD.format("d.reshape(400) * 0.0 + 1.0"), "of an array of shape (20, 20)"),
    "raises": (HEAD + GOOD.format("np.exp(-d ** 2) / self.a"), "T: AttributeError"),
    "not Galilean": (
        HEAD + GOOD.format("0.0 * d") + "    def energy(self, t):\n        return np.cosh(t)\n",
        "Galilean",
    ),
    "statistics": (HEAD + GOOD.format("0.0 * d") + "    statistics = 'fermionic'\n", "allowed: Classical, Fermionic"),
    "mass": (HEAD + GOOD.format("0.0 * d") + "    mass = -1.0\n", "mass = -1.0"),
    "bound": (
        HEAD + GOOD.format("0.0 * d") + "    def density_bound(self):\n        return 0.0\n",
        "density_bound = 0",
    ),
    "ends": ("raise SystemExit(3)\n", "SystemExit: 3"),
    "syntax": ("class Gas(:\n", "SyntaxError"),
    "no class": ("x = 1\n", "0 models in it"),
    "abstract": (HEAD + "class Gas(IntegrableModel):\n    pass\n", "TypeError"),
}


@pytest.mark.parametrize("what", BAD_FILES)
def test_bad_model_files_are_one_line(what, tmp_path):
    text, reason = BAD_FILES[what]
    (tmp_path / "gas.py").write_text(text)
    shutil.copy(CASE, tmp_path / "case.toml")
    with pytest.raises(InputError) as caught:
        build("model={kind='custom',source='gas.py'}", path=tmp_path / "case.toml")
    assert str(caught.value).startswith("model.source = gas.py: ") and reason in str(caught.value)


def test_model_sources(tmp_path):
    """An installed module; a missing file, class or argument; a file that has changed; parsing executes nothing."""
    module = "model={kind='custom',source='gbbgky_petsc.physics.models:LiebLiniger',parameters={coupling=2.0}}"
    assert build(module, "state.density=0.1").model.contact_length == 1.0
    shutil.copy(CASE, tmp_path / "case.toml")
    for source, reason in (("none.py", "No such file"), ("numpy:ndarray", "no such model"), ("numpy", "MODULE:CLASS"),
                           ("no_such_module:Gas", "ModuleNotFoundError")):  # fmt: skip
        with pytest.raises(InputError, match=reason):
            build(f"model={{kind='custom',source='{source}'}}", path=tmp_path / "case.toml")
    shutil.copy(RUNS / "bethe_gas.py", tmp_path)
    source = "model={kind='custom',source='bethe_gas.py',parameters={amplitude=1.0}}"
    with pytest.raises(InputError, match="width"):
        build(source, path=tmp_path / "case.toml")
    case = case_file.load(tmp_path / "case.toml", (source,))
    (tmp_path / "bethe_gas.py").write_text(HEAD + GOOD.format("0.0 * d"))
    with pytest.raises(InputError, match="not the one that this case was made with"):
        problem.build(case, tmp_path)
    (tmp_path / "bethe_gas.py").write_text("raise SystemExit")
    case_file.parse(case_file.tree_of(case_file.resolved(case)))
