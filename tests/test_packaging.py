"""The package away from its repository: a wheel in an environment of its own finds cases and meshes."""

import re
import shutil
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path

import h5py
import pytest
from packaging.version import Version
from processes import SMALL, alone, clean_environment, settings

import gbbgky_petsc
from gbbgky_petsc import shipped
from gbbgky_petsc.errors import InputError

ROOT = Path(__file__).parent.parent


def pip(*arguments, **keywords):
    done = alone([sys.executable, "-m", "pip", "--disable-pip-version-check", "-q", *arguments], **keywords)
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel of the source distribution, built from a copy so that nothing is left in the repository."""
    folder = tmp_path_factory.mktemp("wheel")
    kept = shutil.ignore_patterns(".*", "__pycache__", "results", "build", "*.egg-info", "dist", "docs", "site")
    shutil.copytree(ROOT, folder / "tree", symlinks=True, ignore=kept)
    script = "import sys; from setuptools import build_meta; build_meta.build_sdist(sys.argv[1])"
    done = alone([sys.executable, "-c", script, folder], cwd=folder / "tree")
    assert done.returncode == 0, done.stderr
    source = next(folder.glob("*.tar.gz"))
    with tarfile.open(source) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    assert {"LICENSE", "CITATION.cff", "CHANGELOG.md", "README.md", "gbbgky_petsc/runs/thermal.toml"} <= held
    assert not any(name.startswith("tests/") for name in held)
    pip("wheel", source, "--no-deps", "--no-build-isolation", "-w", folder)
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_everything(wheel):
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
    for path in (ROOT / "gbbgky_petsc").rglob("*.py"):
        assert str(path.relative_to(ROOT)) in held
    for path in [*(ROOT / "meshes").iterdir(), *(ROOT / "runs").glob("*.*"), *(ROOT / "runs").glob("slurm/*")]:
        assert f"gbbgky_petsc/{path.relative_to(ROOT)}" in held
    assert {"gbbgky_petsc/py.typed", "gbbgky_petsc/validation/report.html.j2"} <= held
    assert not any("results" in name for name in held)


def test_an_installed_wheel_runs_a_shipped_case_from_anywhere(wheel, tmp_path):
    """In a fresh environment over the packages that this one has, but not over this repository."""
    venv.create(tmp_path / "env", system_site_packages=True, with_pip=False)
    python = tmp_path / "env" / "bin" / "python"
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(tmp_path / "env")}))
    (packages / "packages.pth").write_text(sysconfig.get_path("purelib") + "\n")
    pip("--python", python, "install", "--no-deps", "--no-index", wheel)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    environment = {k: v for k, v in clean_environment().items() if k != "PYTHONPATH"}

    def there(*command):
        return alone(list(command), cwd=elsewhere, env=environment)

    def gbbgky(*arguments):
        return there(tmp_path / "env" / "bin" / "gbbgky", *arguments)

    where = there(python, "-c", "import gbbgky_petsc; print(gbbgky_petsc.__file__)")
    assert str(tmp_path / "env") in where.stdout, where.stderr
    listed = gbbgky("cases")
    assert listed.returncode == 0 and all(name in listed.stdout for name in ("fig2_phi6_quick", "paper"))
    done = gbbgky("run", "fig2_phi6_quick", *settings(*SMALL))
    assert done.returncode == 0, done.stderr
    with h5py.File(elsewhere / "runs" / "results" / "fig2_phi6_quick.h5") as file:
        assert file.attrs["complete"]


def test_versions_agree():
    """What a release changes by hand: the package, CITATION and the heading of the changelog."""
    citation = (ROOT / "CITATION.cff").read_text()
    assert f"\nversion: {gbbgky_petsc.__version__}\n" in citation
    headings = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == gbbgky_petsc.__version__ and headings == sorted(headings, key=Version, reverse=True)


def test_extras_have_bounds_where_versions_matter():
    """A site is built by what builds it here; xarray is an extra and in the tests."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert all(">=" in requirement and "<" in requirement for requirement in extras["docs"])
    assert set(extras["xarray"]) <= set(extras["test"])


def test_a_file_comes_before_a_shipped_case(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shipped_one = shipped.find_case(Path("thermal"))
    assert shipped_one.is_file() and shipped.find_case(Path("thermal.toml")) == shipped_one
    Path("thermal").write_text("mine")
    assert shipped.find_case(Path("thermal")) == Path("thermal")
    assert shipped.find_case(Path("no/such.toml")) == Path("no/such.toml")
    with pytest.raises(InputError, match=r"allowed: a file, .*equilibrium"):
        shipped.find_case(Path("nonesuch"))
    assert all(shipped.purpose(path) for path in shipped.cases().values())
