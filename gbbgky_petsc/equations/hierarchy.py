"""The generalised BBGKY hierarchy as a sum of labelled terms, with what PETSc's time integrators ask of it."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from petsc4py import PETSc

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.collisions.source import CoherentSource
from gbbgky_petsc.discrete.mesh import Boundary, PhaseSpaceMesh
from gbbgky_petsc.equations.linearisation import Jacobian, Linearisation
from gbbgky_petsc.equations.measurement import Measurement
from gbbgky_petsc.errors import InputError
from gbbgky_petsc.fields import ONE_BODY, BlockSpec, Fields, Rate, Slab, State, one_body_and_pair
from gbbgky_petsc.physics import observables
from gbbgky_petsc.physics.models import IntegrableModel
from gbbgky_petsc.physics.potential import Potential
from gbbgky_petsc.terms import BOUNDARIES, TERMS, OneBodyTerm, Point, Setting, Term
from gbbgky_petsc.terms.cells import TRIPLE

#: terms by order of truncation; those of the mesh's boundary are added
ORDERS = {
    "leading": ("correlation_force", "streaming", "diffusion", "forcing"),
    "collective": ("correlation_force", "streaming", "diffusion", "forcing", "collective"),
    "full": ("correlation_force", "streaming", "diffusion", "forcing", "collective", "contact"),
    "four_fields": (
        "correlation_force",
        "streaming",
        "diffusion",
        "forcing",
        "collective",
        "triple_contact",
        "triple_streaming",
        "triple_forcing",
        "triple_ends",
        "covariance_force",
    ),
    "three_fields": (
        "correlation_force",
        "streaming",
        "diffusion",
        "forcing",
        "collective",
        "triple_contact",
        "triple_streaming",
        "triple_forcing",
        "triple_ends",
    ),
}
#: what carries the late relaxation: the term that takes the place of the printed theory's
RELAXATIONS = {"diffusion": "diffusion", "coherent": CoherentSource.name}
#: as stored with results, by relaxation; orders that are named have their own
DESCRIPTIONS = {
    "diffusion": "layers 1 and 2 of the generalised BBGKY hierarchy, arXiv:2408.00593 (SA.2), (SA.3)",
    "coherent": "layers 1 and 2 (SA.2), (SA.3) of arXiv:2408.00593 without diffusion, coherent collisions in layer 1",
    "four_fields": "four fields rho, g, c2, g3 of arXiv:2408.00593 (SA.2), (SA.3), (SA.5) to (SA.9), no closure",
    "three_fields": "rho, g, g3 of arXiv:2408.00593 (SA.2), (SA.3), (SA.6), (SA.7), the covariance that of the GGE",
}
#: preconditioner, and largest step in units of xi/v: beyond it Krylov iterations or the error of late times grow
PRECONDITIONER = {
    Boundary.PERIODIC: ("lyapunov", 3.0),
    Boundary.ABSORBING: ("lines", 3.0),
    Boundary.ZERO: ("lines", 3.0),
}
#: largest step of integrators that bear others, in units of xi/v
LONGEST = {"two_step": 12.0}
#: restart of GMRES, and where triples are unknowns: its vectors are most of the memory, few are used
RESTART, TRIPLE_RESTART = 60, 20
#: error per step that is allowed in g, relative to V c c / v^2: g carries phase mixing that no observable sees
PAIR_TOLERANCE = 0.3


def kinds_of(mesh: PhaseSpaceMesh, order: str, relaxation: str = "diffusion") -> list[type[Term]]:
    """The terms of an order, with that of the mesh's boundary."""
    names = [RELAXATIONS[relaxation] if name == "diffusion" else name for name in ORDERS[order]]
    kinds = [TERMS[name] for name in names]
    return [*kinds, BOUNDARIES[mesh.boundary]] if mesh.boundary in BOUNDARIES else kinds


def unknowns(mesh: PhaseSpaceMesh, order: str, relaxation: str = "diffusion") -> list[BlockSpec]:
    """The blocks of the state vector of an order; g is mirrored where no other block has planes beside its own."""
    further = list(dict.fromkeys(spec for kind in kinds_of(mesh, order, relaxation) for spec in kind.blocks(mesh)))
    mirrored = not any(isinstance(spec, Slab) for spec in further)
    return [*one_body_and_pair(mesh, mirrored), *further]


class Hierarchy:
    """Layers 1 and 2 of the homogeneous generalised BBGKY hierarchy, eqs. (SA.2), (SA.3); no initial state.

    Options of its solvers carry no prefix: -ts_type, -ksp_rtol, -pc_type, ... Presets: Rosenbrock-W method 2m (second
    order whatever the Jacobian, L-stable), error control on rho in the maximum norm, right-preconditioned GMRES,
    preconditioner and largest step by the mesh's boundary (`PRECONDITIONER`).

    Parameters
    ----------
    mesh, model, potential
        Phase-space mesh, integrable model and pair potential.
    order, closure
        Truncation (a key of `ORDERS`) and contact closure (``fluctuation`` or ``printed``).
    explicit
        Names of terms that IMEX integrators treat explicitly.
    comm
        PETSc communicator; all methods are collective on it.
    relaxation
        What carries the late relaxation: ``diffusion`` of correlations, as printed, or ``coherent`` collisions as a
        source of layer 1, to which ``collision_options`` go.
    """

    prefix = ""
    rho_tolerance = 5e-3
    has_entries = False

    def __init__(
        self,
        mesh: PhaseSpaceMesh,
        model: IntegrableModel,
        potential: Potential,
        order: str = "full",
        closure: str = "fluctuation",
        explicit: tuple[str, ...] = (),
        comm: PETSc.Comm = PETSc.COMM_WORLD,
        relaxation: str = "diffusion",
        collision_options: Mapping[str, Any] | None = None,
    ) -> None:
        self.mesh, self.model, self.potential = mesh, model, potential
        self.setting = setting = Setting(mesh, model, potential, closure, collision_options or {})
        kinds = kinds_of(mesh, order, relaxation)
        names = [kind.name for kind in kinds]
        unknown = sorted(set(explicit) - set(names))
        if unknown:
            raise InputError(
                f"hierarchy.explicit = {unknown}: no such term with order {order} and boundary {mesh.boundary.value}; "
                f"allowed: {', '.join(names)}"
            )
        self.fields = fields = Fields(mesh, comm, unknowns(mesh, order, relaxation))
        self.comm = fields.comm
        self.terms: dict[str, Term] = {kind.name: kind(setting, fields) for kind in kinds}
        self.description = DESCRIPTIONS.get(order, DESCRIPTIONS[relaxation])
        self.explicit = frozenset(explicit)
        self._events = {name: PETSc.Log.Event(f"gBBGKY {name}") for name in self.terms}
        self.conserves = all(term.conserves for term in self.terms.values())
        self._point: Point | None = None

    @property
    def implicit(self) -> list[Term]:
        """The terms not labelled explicit."""
        return [term for name, term in self.terms.items() if name not in self.explicit]

    @property
    def is_split(self) -> bool:
        return bool(self.explicit)

    def initial_vector(self, rho: Array) -> PETSc.Vec:
        """(rho, 0): the state at t = 0; terms with unknowns of their own set them."""
        vector = self.fields.create_vector()
        values = {ONE_BODY: np.append(rho, 0.0)}
        for term in self.terms.values():
            values |= term.initial_blocks(self.at(rho))
        self.fields.store(vector.array_w, values)
        return vector

    def at(self, rho: Array) -> Point:
        """The integrable model linearised at rho; the last one is kept."""
        if self._point is None or not np.array_equal(rho, self._point.rho):
            self._point = self.setting.at(rho)
        return self._point

    def add(self, terms: list[Term], x: State, out: Rate) -> None:
        """out += the given terms at x."""
        point = self.at(x.rho)
        for term in terms:
            with self._events[term.name]:
                term.add(point, x, out)

    def _write_rate(self, terms: list[Term], x: PETSc.Vec, f: PETSc.Vec) -> None:
        rate = Rate(self.fields, f.array_w)
        self.add(terms, self.fields.read(x.array_r), rate)
        rate.close()

    # --- callbacks of TS ---

    def rhs(self, ts: PETSc.TS | None, t: float, x: PETSc.Vec, f: PETSc.Vec) -> None:
        """f = the whole right-hand side."""
        self._write_rate(list(self.terms.values()), x, f)

    def explicit_rhs(self, ts: PETSc.TS, t: float, x: PETSc.Vec, f: PETSc.Vec) -> None:
        """f = the terms labelled explicit."""
        self._write_rate([self.terms[name] for name in self.terms if name in self.explicit], x, f)

    def ifunction(self, ts: PETSc.TS, t: float, x: PETSc.Vec, xdot: PETSc.Vec, f: PETSc.Vec) -> None:
        """f = xdot - the terms not labelled explicit."""
        self._write_rate(self.implicit, x, f)
        f.aypx(-1.0, xdot)

    def create_jacobian(self, x: PETSc.Vec) -> PETSc.Mat:
        """See `gbbgky_petsc.equations.base.Equation`."""
        sizes = x.getSizes()
        J = PETSc.Mat().createPython((sizes, sizes), Jacobian(), comm=x.comm)
        J.setUp()
        return J

    def linearise(self, x: PETSc.Vec) -> Linearisation:
        """The implicit terms linearised at a state vector."""
        return Linearisation.at(self.setting, self.fields, self.implicit, self.at, x)

    def ijacobian(
        self, ts: PETSc.TS, t: float, x: PETSc.Vec, xdot: PETSc.Vec, shift: float, J: PETSc.Mat, P: PETSc.Mat
    ) -> bool:
        """J = shift - derivative of the implicit terms, see `Jacobian`."""
        J.getPythonContext().set(self.linearise(x), shift)
        J.assemble()
        return True

    # --- presets ---

    def gather_rho(self, x: PETSc.Vec) -> Array:
        """rho, (N,) on every rank."""
        return self.fields.gather(x.array_r, ONE_BODY)[:-1]

    def _speed(self, rho: Array) -> float:
        return observables.rms_speed(self.model, self.mesh.theta, rho)

    def presets(self, x: PETSc.Vec, ts_type: str | None = None) -> dict[str, str]:
        """See the class."""
        crossing = self.potential.range / self._speed(self.gather_rho(x))
        preconditioner, usual = PRECONDITIONER[self.mesh.boundary]
        largest_step = LONGEST.get(ts_type or "", usual)
        return {
            "ts_type": "rosw",
            "ts_rosw_type": "2m",
            "ts_adapt_wnormtype": "infinity",
            "ts_adapt_dt_max": f"{largest_step * crossing:g}",
            "snes_rtol": "1e-5",
            "snes_stol": "1e-7",
            "ksp_type": "gmres",
            "ksp_pc_side": "right",
            "ksp_rtol": "3e-2",
            "ksp_max_it": "300",
            "ksp_gmres_restart": str(TRIPLE_RESTART if TRIPLE in self.fields.blocks else RESTART),
            "pc_type": "python",
            "pc_python_type": preconditioner,
        }

    def first_step(self, x: PETSc.Vec, start: float, end: float) -> float:
        """See `gbbgky_petsc.equations.base.Equation`."""
        return 0.1

    def tolerances(self, x: PETSc.Vec, rho_tolerance: float) -> PETSc.Vec:
        """See `gbbgky_petsc.equations.base.Equation`; the ledger of absorbed energy does not steer the step."""
        rho = self.gather_rho(x)
        size = np.abs(self.setting.V).max() * np.abs(self.at(rho).background.charge).max() ** 2
        correlation = PAIR_TOLERANCE * max(size / self._speed(rho) ** 2, 1e-30)
        atol = x.duplicate()
        atol.set(correlation)
        one_body = np.append(np.full_like(rho, rho_tolerance), np.finfo(float).max ** 0.25)
        self.fields.store(atol.array_w, {ONE_BODY: one_body})
        for term in self.terms.values():
            relative = rho_tolerance / float(np.abs(rho).max())
            for name, allowed in term.block_tolerances(self.at(rho), relative, correlation).items():
                self.fields.part(atol.array_w, name)[...] = allowed
        return atol

    # --- observables ---

    def absorbed_power(self, x: State) -> float:
        """Interaction energy per unit length and time that the ends of the z-domain take out."""
        point = self.at(x.rho)
        return sum(term.absorbed_power(point, x) for term in self.terms.values())

    def measure(self, x: PETSc.Vec) -> Measurement:
        """Observables of a state vector."""
        state = self.fields.read(x.array_r)
        one_body, theta, weight = state[ONE_BODY], self.mesh.theta, self.mesh.theta_weight
        rho = one_body[:-1]
        density = weight * float(rho.sum())
        return Measurement(
            model=self.model,
            theta=theta,
            weight=weight,
            rho=rho,
            interaction=self.setting.interaction_energy(state) / density,
            absorbed=float(one_body[-1]) / density,
            rho_rate=self.rho_rate(state),
            absorbed_rate=self.absorbed_power(state) / density,
            density_correlation=weight * state.moments[0].sum(axis=1),
        )

    def record(self, x: PETSc.Vec) -> dict[str, Any]:
        """What terms have for /snapshots, see `gbbgky_petsc.terms.base.Term.recorded`."""
        state = self.fields.read(x.array_r)
        point = self.at(state.rho)
        return {name: value for term in self.terms.values() for name, value in term.record(point, state).items()}

    def rho_rate(self, x: State) -> Array:
        """d rho/dt, (N,), from the terms of layer 1."""
        point = self.at(x.rho)
        parts = [term.rho_rate(point, x) for term in self.terms.values() if isinstance(term, OneBodyTerm)]
        return np.sum(parts, axis=0)

    def destroy(self) -> None:
        """Free PETSc objects."""
        for term in self.terms.values():
            term.release()
        self.fields.destroy()
