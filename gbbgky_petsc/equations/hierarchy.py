"""The equation as a sum of labelled terms, with what PETSc's time integrators ask of it."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from petsc4py import PETSc

from gbbgky_petsc import terms
from gbbgky_petsc.discrete.mesh import Array, Boundary, PhaseSpaceMesh
from gbbgky_petsc.fields import Fields
from gbbgky_petsc.physics import observables
from gbbgky_petsc.physics.models import Background, IntegrableModel
from gbbgky_petsc.physics.potential import Potential
from gbbgky_petsc.solvers.assembled import AssembledJacobian

#: terms of layer 2 by order of truncation; "boundary" is added where the mesh has one
ORDERS = {
    "leading": ("streaming", "diffusion", "forcing"),
    "collective": ("streaming", "diffusion", "forcing", "collective"),
    "full": ("streaming", "diffusion", "forcing", "collective", "contact"),
}


@dataclass(frozen=True)
class Measurement:
    """Observables of a state; energies per particle.

    ``total_energy`` is the conserved sum of kinetic, interaction and absorbed energy.
    """

    density: float
    momentum: float
    kurtosis: float
    kinetic_energy: float
    interaction_energy: float
    absorbed_energy: float
    rho: Array
    rho_rate: Array
    absorbed_rate: float
    density_correlation: Array

    @property
    def total_energy(self) -> float:
        return self.kinetic_energy + self.interaction_energy + self.absorbed_energy


class Hierarchy:
    """Layers 1 and 2 of the homogeneous generalised BBGKY hierarchy, eqs. (SA.2), (SA.3).

    Parameters
    ----------
    mesh, model, potential
        Phase-space mesh, integrable model and pair potential.
    rho : (N,) initial density on the mesh; g starts from zero
    order, closure
        Truncation (a key of `ORDERS`) and contact closure (``fluctuation`` or ``printed``).
    explicit
        Names of terms that IMEX integrators treat explicitly.
    comm
        PETSc communicator; all methods are collective on it.
    """

    def __init__(
        self,
        mesh: PhaseSpaceMesh,
        model: IntegrableModel,
        potential: Potential,
        rho: Array,
        order: str = "full",
        closure: str = "fluctuation",
        explicit: tuple[str, ...] = (),
        comm: PETSc.Comm = PETSc.COMM_WORLD,
    ) -> None:
        self.mesh, self.model, self.potential = mesh, model, potential
        self.initial_rho = rho
        self.setting = terms.Setting(mesh, potential)
        self.fields = fields = Fields(mesh, comm)
        self.explicit = frozenset(explicit)
        self._kept = ORDERS[order]
        self.one_body = terms.OneBody(self.setting)
        self.forcing = terms.Forcing(self.setting, fields)
        available: dict[str, terms.Term] = {
            "streaming": terms.Streaming(self.setting, fields),
            "diffusion": terms.Diffusion(self.setting, fields),
            "collective": terms.Collective(self.setting, fields),
            "contact": terms.Contact(self.setting, fields, closure),
        }
        self.linear = [available[name] for name in self._kept if name in available]
        self.boundary: terms.BoundaryTerm | None = None
        if mesh.boundary is Boundary.ABSORBING:
            self.boundary = terms.AbsorbingLayer(self.setting, fields)
        elif mesh.boundary is Boundary.ZERO:
            self.boundary = terms.Outflow(self.setting, fields)
        if self.boundary is not None:
            self.linear.append(self.boundary)
        planes, n, _ = fields.pair_shape
        self._halo = np.zeros((planes + 2 * mesh.stencil.width, n, n))
        self._background: Background | None = None
        self._events = {
            name: PETSc.Log.Event(f"gBBGKY {name}") for name in (*(t.name for t in self.linear), "forcing", "one-body")
        }

    def has(self, name: str) -> bool:
        """Whether a term is part of the equations."""
        return name in self._kept

    def initial_vector(self) -> PETSc.Vec:
        """(rho, 0): the state at t = 0."""
        vector = self.fields.create_vector()
        rho = np.append(self.initial_rho, 0.0)
        self.fields.one_body(vector.array_w)[:] = rho[self.fields.one_body_range]
        return vector

    def background(self, rho: Array) -> Background:
        """The integrable model linearised at rho; the last one is kept."""
        if self._background is None or not np.array_equal(rho, self._background.rho):
            self._background = self.model.background(self.mesh.theta, self.mesh.theta_weight, rho.copy())
        return self._background

    def pair_field(self, pair: Array) -> terms.PairField:
        return terms.PairField(self.fields, pair, self._halo)

    def add_linear(self, background: Background, field: terms.PairField, out: Array, names: frozenset[str]) -> float:
        """out += the named terms linear in g; returns the rate of absorbed energy that goes with them."""
        absorbed = 0.0
        for term in self.linear:
            if term.name not in names:
                continue
            with self._events[term.name]:
                term.update(background)
                if term is not self.boundary:
                    term.add(field, out)
                else:
                    absorbed += self._add_boundary(field, out)
        if "streaming" in names:
            absorbed += self.one_body.edge_power(field, self.model.energy_derivative(self.mesh.theta))
        return absorbed

    def _add_boundary(self, field: terms.PairField, out: Array | None) -> float:
        """out += boundary term; returns the interaction energy per unit length and time that it takes out."""
        assert self.boundary is not None
        weights = self.one_body.energy_weights[self.fields.z_range] * self.mesh.theta_weight
        lost = 0.0
        for planes, values in self.boundary.pieces(field):
            lost -= float(weights[planes] @ values.sum(axis=(1, 2)))
            if out is not None:
                out[planes] += values
        return float(self.fields.comm.allreduce(lost))

    def absorbed_rate(self, background: Background, field: terms.PairField) -> float:
        """Interaction energy per unit length and time that the ends of the z-domain take out. Collective."""
        if self.boundary is None:
            return 0.0
        self.boundary.update(background)
        lost = self._add_boundary(field, None)
        return lost + self.one_body.edge_power(field, self.model.energy_derivative(self.mesh.theta))

    def rate(
        self, one_body: Array, pair: Array, names: frozenset[str], with_layer_one: bool, out: Array | None = None
    ) -> tuple[Array, Array]:
        """Time derivative of (one-body, g) from the named terms.

        Parameters
        ----------
        one_body : (N + 1,) whole
        pair : (planes, N, N) this rank's
        names
            Terms of layer 2 to include.
        with_layer_one
            Whether to include the force on rho.
        out : (planes, N, N)
            Array for the second result, overwritten; a new one if not given.

        Returns
        -------
        (N + 1,) on every rank, (planes, N, N) of this rank.
        """
        background = self.background(one_body[:-1])
        field = self.pair_field(pair)
        if out is None:
            out = np.empty(self.fields.pair_shape)
        out.fill(0.0)
        result = np.zeros(self.mesh.theta_points + 1)
        result[-1] = self.add_linear(background, field, out, names)
        if "forcing" in names:
            with self._events["forcing"]:
                self.forcing.update(background)
                self.forcing.add(out)
        if with_layer_one:
            with self._events["one-body"]:
                result[:-1] = self.one_body.rate(field)
        return result, out

    @cached_property
    def all_terms(self) -> frozenset[str]:
        return frozenset({"forcing", *(term.name for term in self.linear)})

    def _write_rate(self, x: PETSc.Vec, f: PETSc.Vec, names: frozenset[str], with_layer_one: bool) -> None:
        state, out, fields = x.array_r, f.array_w, self.fields
        one_body, _ = self.rate(
            fields.gather_one_body(state), fields.pair(state), names, with_layer_one, fields.pair(out)
        )
        fields.one_body(out)[:] = one_body[fields.one_body_range]

    # --- callbacks of TS ---

    def full_rhs(self, ts: PETSc.TS, t: float, x: PETSc.Vec, f: PETSc.Vec) -> None:
        """f = the whole right-hand side, for explicit integrators."""
        self._write_rate(x, f, self.all_terms, True)

    def explicit_rhs(self, ts: PETSc.TS, t: float, x: PETSc.Vec, f: PETSc.Vec) -> None:
        """f = the terms labelled explicit."""
        self._write_rate(x, f, self.all_terms & self.explicit, False)

    def ifunction(self, ts: PETSc.TS, t: float, x: PETSc.Vec, xdot: PETSc.Vec, f: PETSc.Vec) -> None:
        """f = xdot - the terms not labelled explicit."""
        self._write_rate(x, f, self.all_terms - self.explicit, True)
        f.aypx(-1.0, xdot)

    def ijacobian(
        self, ts: PETSc.TS, t: float, x: PETSc.Vec, xdot: PETSc.Vec, shift: float, J: PETSc.Mat, P: PETSc.Mat
    ) -> bool:
        """J = shift - derivative of the implicit terms, see `Jacobian`."""
        J.getPythonContext().set_point(x, shift)
        J.assemble()
        if P.handle != J.handle:
            J.getPythonContext().assembled.fill(J.getPythonContext(), P)
        return True

    # --- observables ---

    def measure(self, x: PETSc.Vec) -> Measurement:
        """Observables of a state vector."""
        state = x.array_r
        one_body = self.fields.gather_one_body(state)
        field = self.pair_field(self.fields.pair(state))
        rho, theta, weight = one_body[:-1], self.mesh.theta, self.mesh.theta_weight
        density = weight * float(rho.sum())
        absorbed_rate = self.absorbed_rate(self.background(rho), field)
        return Measurement(
            density=density,
            momentum=observables.momentum(theta, rho),
            kurtosis=observables.kurtosis(theta, rho),
            kinetic_energy=observables.kinetic_energy(self.model, theta, rho),
            interaction_energy=self.one_body.interaction_energy(field) / density,
            absorbed_energy=float(one_body[-1]) / density,
            rho=rho,
            rho_rate=self.one_body.rate(field),
            absorbed_rate=absorbed_rate / density,
            density_correlation=weight * field.moments[0].sum(axis=1),
        )


class Jacobian:
    """shift - d(right-hand side)/d(rho, g) as a PETSc matrix of type python.

    Exact in g. Of the dependence of layer 2 on rho it keeps forcing and collective, the terms with
    d_theta rho that act on rho like a diffusion and are stiff; the smooth change of A, D and K with rho is left
    out. Number, momentum and energy are linear invariants of every term by itself, hence of this matrix.
    """

    def __init__(self, hierarchy: Hierarchy) -> None:
        self.hierarchy = hierarchy
        self.shift = 0.0
        self.factor = 1.0  # set by MatScale, which ARKIMEX calls in newer PETSc
        self.assembled: AssembledJacobian | None = None  # set where a preconditioner needs matrix entries
        self.preconditioner_rho: Array | None = None  # (N,) where the preconditioner was built, if at a rho of its own
        self.names = frozenset(hierarchy.all_terms - hierarchy.explicit)
        self._collective = next((t for t in hierarchy.linear if isinstance(t, terms.Collective)), None)

    def set_point(self, x: PETSc.Vec, shift: float) -> None:
        """Linearise at a state vector. Collective."""
        fields, state = self.hierarchy.fields, x.array_r
        self.background = self.hierarchy.background(fields.gather_one_body(state)[:-1].copy())
        self.shift = shift
        self.factor = 1.0
        if self._collective is not None:
            self._point_field = self.hierarchy.pair_field(fields.pair(state))
            self._point_field.moments  # noqa: B018 (evaluated while the state is at hand)

    def scale(self, mat: PETSc.Mat, factor: float) -> None:
        self.factor *= factor

    def mult(self, mat: PETSc.Mat, x: PETSc.Vec, y: PETSc.Vec) -> None:
        self._write_rate(x, y)
        y.axpby(self.factor * self.shift, -self.factor, x)

    def _write_rate(self, x: PETSc.Vec, y: PETSc.Vec) -> None:
        """y = derivative of the right-hand side along x."""
        h, fields = self.hierarchy, self.hierarchy.fields
        state, values = x.array_r, y.array_w
        one_body, out = fields.gather_one_body(state), fields.pair(values)
        out.fill(0.0)
        field = h.pair_field(fields.pair(state))
        result = np.zeros_like(one_body)
        result[-1] = h.add_linear(self.background, field, out, self.names)
        result[:-1] = h.one_body.rate(field)
        self._add_coupling(one_body[:-1], out)
        fields.one_body(values)[:] = result[fields.one_body_range]

    def whole_coupling(self, change: Array) -> Array:
        """Derivative of layer 2 along a change of rho, (Nz, N, N) on every rank; for assembly. Collective."""
        local = np.zeros(self.hierarchy.fields.pair_shape)
        self._add_coupling(change, local)
        return self.hierarchy.fields.gather_planes(local)

    def _add_coupling(self, change: Array, out: Array) -> None:
        """out += derivative of layer 2 along a change of rho."""
        h = self.hierarchy
        if not change.any():
            return
        if "forcing" in self.names:
            h.forcing.update(self.background)
            h.forcing.add_derivative(change, out)
        if self._collective is not None and "collective" in self.names:
            self._collective.add_with(self._point_field, h.mesh.theta_derivative @ change, out)
