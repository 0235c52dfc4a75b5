"""The case file: typed, unknown keys are errors, its resolved form travels with every result."""

import json
import tomllib
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from gbbgky_petsc.discrete.mesh import Boundary, PhaseSpaceMesh
from gbbgky_petsc.errors import InputError
from gbbgky_petsc.physics import models, potential, states

Positive = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]

MESHES = Path(__file__).parents[2] / "meshes"
#: largest fraction of the particles that the theta-window may cut off
WEIGHT_LOSS = 1e-4


class Section(BaseModel):
    """A table of the case file; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


# --- [model] ---


class HardRods(Section):
    """Classical hard rods of mass 1."""

    kind: Literal["hard_rods"]
    length: Positive

    def build(self) -> models.IntegrableModel:
        return models.HardRods(self.length)


class Free(Section):
    """Free classical particles of mass 1."""

    kind: Literal["free"]

    def build(self) -> models.IntegrableModel:
        return models.FreeParticles()


class LiebLiniger(Section):
    """Bosons with contact repulsion (hbar = 2m = 1)."""

    kind: Literal["lieb_liniger"]
    coupling: Positive

    def build(self) -> models.IntegrableModel:
        return models.LiebLiniger(self.coupling)


# --- [potential] ---


class PotentialSection(Section):
    strength: Finite
    range: Positive

    def shape(self, folder: Path) -> potential.Shape:
        raise NotImplementedError

    def build(self, folder: Path) -> potential.Potential:
        return potential.Potential(self.shape(folder), self.strength, self.range)


class Power(PotentialSection):
    """phi = 1/(1 + |x|^exponent); exponent 2 is the Lorentzian."""

    kind: Literal["power"]
    exponent: Annotated[float, Field(gt=1.0, allow_inf_nan=False)]

    def shape(self, folder: Path) -> potential.Shape:
        return potential.Power(self.exponent)


class Gaussian(PotentialSection):
    """phi = exp(-x^2/2)."""

    kind: Literal["gaussian"]

    def shape(self, folder: Path) -> potential.Shape:
        return potential.Gaussian()


class Exponential(PotentialSection):
    """phi = exp(-|x|)."""

    kind: Literal["exponential"]

    def shape(self, folder: Path) -> potential.Shape:
        return potential.Exponential()


class Table(PotentialSection):
    """phi from a text file with columns x >= 0 and phi; zero beyond the last x."""

    kind: Literal["table"]
    file: Path

    def shape(self, folder: Path) -> potential.Shape:
        x, phi = read_table("potential.file", folder / self.file)
        if x[0] < 0.0:
            raise InputError(f"potential.file = {self.file}: first x is {x[0]:g}; allowed: x >= 0")
        return potential.Tabulated(x, phi)


# --- [state] ---


class StateSection(Section):
    density: Positive

    def build(self, folder: Path) -> states.State:
        raise NotImplementedError


class BoostedThermal(StateSection):
    """rho ~ sum over signs of exp(-beta (theta -+ boost)^2)."""

    kind: Literal["boosted_thermal"]
    beta: Positive
    boost: NonNegative

    def build(self, folder: Path) -> states.State:
        return states.BoostedThermal(self.density, self.beta, self.boost)


class Thermal(StateSection):
    """Thermal state of the integrable model, exp(-beta e) for classical ones."""

    kind: Literal["thermal"]
    beta: Positive

    def build(self, folder: Path) -> states.State:
        return states.Thermal(self.density, self.beta)


class TabulatedState(StateSection):
    """rho from a text file with columns theta and rho, rescaled to ``density``."""

    kind: Literal["table"]
    file: Path

    def build(self, folder: Path) -> states.State:
        theta, rho = read_table("state.file", folder / self.file)
        if rho.min() < 0.0 or rho.sum() <= 0.0:
            raise InputError(f"state.file = {self.file}: rho reaches {rho.min():g}; allowed: rho >= 0, not all zero")
        return states.TabulatedState(self.density, theta, rho)


# --- [mesh], [hierarchy], [time], [output] ---


class Mesh(Section):
    """Phase-space mesh: a named file of meshes/ and any number of it overridden."""

    name: str | None = None
    theta_max: Positive
    theta_points: Annotated[int, Field(ge=8)]
    z_max: Positive
    z_spacing: Positive
    stencil_order: Literal[2, 4, 6] = 6
    absorber_start: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.6
    absorber_rate: Positive = 0.5

    @model_validator(mode="before")
    @classmethod
    def _merge_named(cls, given: Any) -> Any:
        if not isinstance(given, dict) or given.get("name") is None:
            return given
        named = {path.stem: path for path in sorted(MESHES.glob("*.toml"))}
        if given["name"] not in named:
            raise ValueError(f"name = {given['name']!r}: no such mesh; allowed: {', '.join(named)}")
        return tomllib.loads(named[given["name"]].read_text()) | given  # what the case itself says wins

    @model_validator(mode="after")
    def _whole_cells(self) -> "Mesh":
        cells = 2.0 * self.z_max / self.z_spacing
        if abs(cells - round(cells)) > 1e-9 * cells or round(cells) % 2 or round(cells) < 16:
            raise ValueError(f"2 z_max / z_spacing is {cells:g}; allowed: even whole numbers from 16 on")
        return self


class Hierarchy(Section):
    """Which terms of layer 2 are kept and how its domain ends."""

    order: Literal["leading", "collective", "full"] = "full"
    closure: Literal["fluctuation", "printed"] = "fluctuation"
    boundary: Boundary = Boundary.ABSORBING
    explicit: list[Literal["streaming", "diffusion", "forcing", "collective", "contact", "boundary"]] = []


class Kinetic(Section):
    """`gbbgky kinetic`: the collision operator and what is computed with it.

    ``kind`` is a name in the register of `gbbgky_petsc.collisions`, which also knows which kind has which option:
    ``tolerance``, relative error of the quadrature over wavenumbers or momentum transfers (of GMRES for ``full``);
    ``staggered`` puts theta' half-way between the nodes of theta; ``second_order`` adds the amplitude of second order
    in V; ``spectrum`` is the number of slowest relaxation modes to compute (also --spectrum).
    """

    kind: str = "landau"
    tolerance: Annotated[float, Field(gt=0.0, le=1e-2)] = 1e-5
    staggered: bool | None = None
    second_order: bool = False
    spectrum: Annotated[int, Field(ge=0)] = 0


class Time(Section):
    """Duration: exactly one of ``end`` and ``end_rescaled``."""

    end: Positive | None = None
    end_rescaled: Positive | None = None

    @model_validator(mode="after")
    def _one_end(self) -> "Time":
        if (self.end is None) == (self.end_rescaled is None):
            raise ValueError("give exactly one of: end, end_rescaled")
        return self


class Output(Section):
    """What is written when; times like t."""

    series_every: Positive | None = None
    snapshots_at: list[NonNegative] = []
    flush_seconds: Positive = 30.0
    checkpoint_seconds: NonNegative = 300.0  #: between checkpoints, one more at the end; 0: none at all


class MolecularDynamics(Section):
    """Rings of hard rods for `gbbgky md`; density, potential and times come from the other tables."""

    particles: Annotated[int, Field(ge=2)] | None = None
    ring: Positive | None = None
    realisations: Annotated[int, Field(ge=1)]
    seed: Annotated[int, Field(ge=0)] = 0
    step: Positive | None = None
    energy_tolerance: Positive | None = None
    integrator: Literal["splitting", "plain", "reference"] = "splitting"
    ranks_per_ring: Annotated[int, Field(ge=1)] = 1
    force_tolerance: Positive = 1e-4
    equilibrate: bool = False
    structure_cutoff: Positive = 6.0
    low_pass: Positive = 0.5

    @model_validator(mode="after")
    def _choices(self) -> "MolecularDynamics":
        if (self.particles is None) == (self.ring is None):
            raise ValueError("give exactly one of: particles, ring")
        if self.step is not None and self.energy_tolerance is not None:
            raise ValueError("give at most one of: step, energy_tolerance")
        return self


class Case(Section):
    """A whole case. Lengths, masses and energies are in the model's units."""

    model: Annotated[HardRods | Free | LiebLiniger, Field(discriminator="kind")]
    potential: Annotated[Power | Gaussian | Exponential | Table, Field(discriminator="kind")]
    state: Annotated[BoostedThermal | Thermal | TabulatedState, Field(discriminator="kind")]
    mesh: Mesh
    hierarchy: Hierarchy = Hierarchy()
    kinetic: Kinetic = Kinetic()
    time: Time
    output: Output = Output()
    md: MolecularDynamics | None = None
    petsc: dict[str, str | int | float | bool] = {}

    def build_mesh(self) -> PhaseSpaceMesh:
        numbers = self.mesh.model_dump(exclude={"name"})
        return PhaseSpaceMesh(boundary=self.hierarchy.boundary, **numbers)


def read_table(key: str, path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Two columns of finite numbers, the first strictly increasing, at least four rows.

    Raises
    ------
    InputError
        If the file is anything else.
    """
    try:
        table = np.loadtxt(path, ndmin=2, delimiter="," if path.suffix == ".csv" else None)
    except (OSError, ValueError) as error:
        raise InputError(f"{key} = {path}: cannot be read as numbers ({str(error).splitlines()[0]})") from error
    if table.shape[1] != 2 or table.shape[0] < 4:
        raise InputError(f"{key} = {path}: {table.shape[0]} rows of {table.shape[1]}; allowed: two columns, >= 4 rows")
    if not np.all(np.isfinite(table)):
        raise InputError(f"{key} = {path}: holds non-finite numbers; allowed: finite ones")
    if np.any(np.diff(table[:, 0]) <= 0.0):
        raise InputError(f"{key} = {path}: first column is not strictly increasing")
    return table[:, 0], table[:, 1]


def load(path: Path, overrides: Iterable[str] = ()) -> Case:
    """Read a case file and apply ``--set key=value`` overrides.

    Raises
    ------
    InputError
        For an unreadable file, an unknown key, a wrong type or a value out of range.
    """
    try:
        tree = tomllib.loads(path.read_text())
    except OSError as error:
        raise InputError(f"case {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"case {path}: not valid TOML ({error})") from error
    for assignment in overrides:
        _override(tree, assignment)
    return parse(tree)


def parse(tree: dict[str, Any]) -> Case:
    """Validate a nested dictionary as a case; raises `InputError` in one line."""
    try:
        return Case.model_validate(tree)
    except ValidationError as error:
        raise InputError("; ".join(_one_line(tree, item) for item in error.errors())) from error


def tree_of(resolved: str) -> dict[str, Any]:
    """The nested dictionary of a resolved case (JSON), as stored with results."""
    return json.loads(resolved)


def resolved(case: Case) -> str:
    """The case as JSON with every default filled in."""
    return case.model_dump_json(exclude_none=True)


def first_difference(case: Case, stored: Case, ignored: Collection[str]) -> str | None:
    """What keeps ``case`` from going on with a run of ``stored``: any key but those of ``ignored`` keys and tables."""
    one, other = (c.model_dump(mode="json") for c in (case, stored))
    for table in one:
        now, before = one[table] or {}, other[table] or {}
        for key in sorted({*now, *before}):
            free = {table, f"{table}.{key}"} & {*ignored, "mesh.name"}
            if not free and now.get(key) != before.get(key):
                return f"{table}.{key} = {now.get(key)!r}: the run to resume has {before.get(key)!r}"
    return None


def _override(tree: dict[str, Any], assignment: str) -> None:
    key, equals, text = assignment.partition("=")
    if not equals or not key:
        raise InputError(f"--set {assignment}: allowed: --set table.key=value")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text  # a bare word is a string
    *tables, last = key.strip().split(".")
    for name in tables:
        tree = tree.setdefault(name, {})
        if not isinstance(tree, dict):
            raise InputError(f"--set {assignment}: {name} is not a table")
    tree[last] = value


_KINDS = {"model", "potential", "state"}


def _one_line(tree: dict[str, Any], item: Any) -> str:
    """One validation error as 'key = value: reason'."""
    location = [str(part) for part in item["loc"]]
    if len(location) > 1 and location[0] in _KINDS:
        del location[1]  # pydantic names the chosen kind here
    key = ".".join(location) or "case"
    value: Any = tree
    for part in location:
        value = value.get(part) if isinstance(value, dict) else None
    reason = item["msg"].removeprefix("Value error, ")
    if item["type"] == "extra_forbidden":
        allowed = ", ".join(_allowed_keys(tree, location[:-1]))
        reason = f"unknown key; allowed: {allowed}"
    elif item["type"] == "union_tag_not_found":
        return f"{key}.kind: missing; allowed: {_tags(location[0])}"
    elif item["type"] == "union_tag_invalid":
        kind = value.get("kind") if isinstance(value, dict) else value
        return f"{key}.kind = {kind!r}: unknown; allowed: {_tags(location[0])}"
    if item["type"] == "missing":
        return f"{key}: missing"
    return f"{key} = {value!r}: {reason}" if not isinstance(value, dict) else f"{key}: {reason}"


def _variants(table: str) -> dict[str, type[Section]]:
    annotation: Any = Case.model_fields[table].annotation
    return {kind.model_fields["kind"].annotation.__args__[0]: kind for kind in annotation.__args__}


def _tags(table: str) -> str:
    return ", ".join(_variants(table))


def _allowed_keys(tree: dict[str, Any], location: list[str]) -> list[str]:
    if not location:
        return list(Case.model_fields)
    table = location[0]
    if table in _KINDS:
        return list(_variants(table)[tree[table]["kind"]].model_fields)
    annotation: Any = Case.model_fields[table].annotation
    section = next(kind for kind in (annotation, *getattr(annotation, "__args__", ())) if hasattr(kind, "model_fields"))
    return list(section.model_fields)
