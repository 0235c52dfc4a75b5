"""Streaming in its sparse form: an assembled matrix in normal modes, as a preconditioner for any boundary.

With G = (R^t x R^t) g streaming is diagonal in (theta, theta') and so is, but for the off-diagonal part of diffusion,
the whole of

    P = shift + eta(z) + (v_i - v_j) d/dz - (d_i + d_j) d^2/dz^2 (+ |v_i - v_j|/(2 dz) at outflow ends),

d the diagonal of R^t D (R^t)^-1: one banded system in z for each pair (i, j), N^2 Nz (2w + 1) entries in all. The
Jacobian itself is dense in theta, its assembled matrix therefore out of reach on large meshes. Unlike the inverse per
wavenumber P knows the ends of the z-domain; it leaves out collective, contact, the off-diagonal part of diffusion and
the dependence of g on rho. Pairs are spread over ranks, each with all its z on one: no entry couples two ranks, and
each rank solves for its own lines.
"""

from abc import abstractmethod
from collections.abc import Sequence

import numpy as np
from mpi4py import MPI
from numpy.typing import DTypeLike, NDArray
from petsc4py import PETSc

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.discrete.kronecker import add_scaled
from gbbgky_petsc.equations.linearisation import Linearisation
from gbbgky_petsc.errors import InputError, SolverError
from gbbgky_petsc.fields import ONE_BODY, PAIR, Fields, State, ZLines
from gbbgky_petsc.solvers.frozen import FrozenInverse, FrozenPC
from gbbgky_petsc.terms import OneBodyTerm, Point, Setting, Term

#: option by which -pc_type reaches the inner solver
INNER = "pc_normal_modes_inner"
#: PETSc's preconditioners that serve on P ...
SERVING = ("ilu", "lu", "bjacobi", "asm", "gasm", "jacobi", "kaczmarz")
#: ... and why others do not; figures in docs/performance.md
_ADVECTION = "diverges: the matrix is dominated by advection"
_SYMMETRIC = "is for symmetric matrices"
_DENSE = "takes the matrix for a dense one"
_STRUCTURE = "needs a structure that the matrix has not"
UNSERVING = {
    **dict.fromkeys(("sor", "eisenstat", "gamg", "hypre", "ml", "mg", "hmg"), _ADVECTION),
    **dict.fromkeys(("icc", "cholesky"), _SYMMETRIC),
    **dict.fromkeys(("svd", "qr"), _DENSE),
    **dict.fromkeys(("bddc", "nn", "tfs", "fieldsplit", "lsc", "galerkin", "composite", "exotic", "cp"), _STRUCTURE),
    "shell": "needs a function",
    "mat": "takes a matrix for its own inverse",
    "ksp": "is -pc_python_type normal_modes -normal_modes_ksp_type TYPE here",
    "redundant": "solves on every rank what no two ranks share",
}


def check_serves(prefix: str, kind: str) -> None:
    """`InputError` for a -pc_type that cannot serve on P."""
    if kind not in SERVING:
        reason = UNSERVING.get(kind, "unknown here")
        raise InputError(f"-{prefix}pc_type {kind}: {reason}; allowed: python, none, {', '.join(SERVING)}")


def inner_solver(prefix: str) -> PETSc.KSP:
    """A KSP for this rank's P from the options with that prefix; by default one application of ILU(0)."""
    solver = PETSc.KSP().create(comm=PETSc.COMM_SELF)
    solver.setOptionsPrefix(prefix)
    solver.setType(PETSc.KSP.Type.PREONLY)
    solver.getPC().setType(PETSc.PC.Type.ILU)
    solver.setFromOptions()
    return solver


def one_application(prefix: str, kind: str) -> PETSc.KSP:
    """A KSP that applies once the preconditioner which -pc_type asked for, with that one's own options."""
    solver = PETSc.KSP().create(comm=PETSc.COMM_SELF)
    solver.setType(PETSc.KSP.Type.PREONLY)
    pc, options = solver.getPC(), PETSc.Options(prefix)
    pc.setOptionsPrefix(prefix)
    outer = options.getString("pc_type")
    options["pc_type"] = kind
    pc.setFromOptions()
    options["pc_type"] = outer
    return solver


class InModes(FrozenInverse):
    """P^-1 in some way between the transforms to normal modes and back.

    rho and the absorbed energy follow from their own rows of J, shift x_1 = r_1 + B g, once g is known; that keeps
    number and momentum. P does not know that diffusion keeps the energy: a multiple of V c x c, which carries energy,
    is added to g so that energy is an invariant of the preconditioner too, and of Krylov iterates at any tolerance.

    Parameters
    ----------
    setting, fields
        Discrete equations and layout of the vectors.
    terms
        The implicit terms, which give their normal forms.

    Attributes
    ----------
    coefficients : (lines,), (lines,), (Nz, lines) or (Nz, 1)
        What multiplies d/dz and d^2/dz^2, and the decay, on this rank's lines.
    precision
        Of the lines. What is linear invariant is restored in double precision.
    """

    precision: DTypeLike = np.float64

    def __init__(self, setting: Setting, fields: Fields, terms: Sequence[Term]) -> None:
        self._fields, self._terms = fields, terms
        self.layout = ZLines(fields)
        self._mesh = mesh = setting.mesh
        self.shift = np.nan
        self._work: Array | None = None
        slab = fields.slab()
        self._one_body_energy = np.append(mesh.theta_weight * setting.model.energy(mesh.theta), 1.0)
        self._pair_energy = mesh.theta_weight * setting.energy_weights[slab.planes] * slab.multiplicity
        self._V = setting.V[slab.planes]

    def decompose(self, point: Point) -> None:
        self._point = point
        background = point.background
        # energy of V c x c
        chi = float(background.charge.sum())
        self._carried = self._fields.comm.allreduce(float(self._pair_energy @ self._V) * chi**2)
        self._to_modes, self._from_modes = background.rotation_operator, background.rotation_inverse_operator
        i, j, n, points = self.layout.first, self.layout.second, point.slope.size, self._mesh.z_points
        first, second, decay = np.zeros(i.size), np.zeros(i.size), np.zeros((points, 1))
        for form in (term.normal_form(point) for term in self._terms):
            if form is None:
                continue
            if form.first is not None:
                first += form.first[i] - form.first[j]
            if form.second is not None:
                second += form.second[i] + form.second[j]
            if form.decay is not None and form.decay.size == points:
                decay = decay + form.decay.reshape(points, 1)
            elif form.decay is not None:
                decay = decay + np.broadcast_to(form.decay, (points, n, n))[:, i, j]
        self.coefficients = first, second, decay
        direct = [t for t in (term.one_body_tangent(point) for term in self._terms) if t is not None]
        self._direct = np.sum(direct, axis=0) if direct else None
        self.rho = point.rho.copy()

    @abstractmethod
    def invert(self, lines: Array) -> Array:
        """P^-1 of lines (Nz, own lines) in normal modes; may overwrite them."""

    def solve(self, one_body: Array, pair: Array) -> tuple[Array, Array]:
        if self._work is None:
            self._work = np.empty((2, *pair.shape))
        work, g = self._work
        self._to_modes.left(pair, work)
        self._to_modes.right(work, g)
        self.layout.to_slabs(self.invert(self.layout.to_lines(g, self.precision)), g)
        self._from_modes.left(g, work)
        self._from_modes.right(work, g)
        x = State(self._fields, None, {PAIR: g, ONE_BODY: np.zeros(one_body.size)})
        change = self._one_body(one_body + self._rate(x))
        defect = self._energy(one_body, pair) / self.shift - self._energy(change, g)
        if self._carried > 0.0:
            c = self._point.background.charge
            add_scaled((defect / self._carried) * self._V, np.outer(c, c), g)
        return change, g

    def _rate(self, x: State) -> Array:
        """(N + 1,) rates of rho and of the absorbed energy that g makes. Collective."""
        point = self._point
        rho = [term.rho_rate(point, x) for term in self._terms if isinstance(term, OneBodyTerm) and PAIR in term.reads]
        return np.append(np.sum(rho, axis=0), sum(term.absorbed_power(point, x) for term in self._terms))

    def _one_body(self, source: Array) -> Array:
        """(shift - R)^-1 source, R the tangent of sources of layer 1."""
        if self._direct is None:
            return source / self.shift
        n = source.size - 1
        rho = np.linalg.solve(self.shift * np.eye(n) - self._direct, source[:-1])
        return np.append(rho, source[-1] / self.shift)

    def _energy(self, one_body: Array, pair: Array) -> float:
        """Kinetic + absorbed + interaction energy per unit length, the linear invariant of J."""
        interaction = self._fields.comm.allreduce(float(self._pair_energy @ pair.sum(axis=(1, 2))))
        return float(self._one_body_energy @ one_body) + interaction


class NormalModes(InModes):
    """P as an assembled matrix, and an inner solver for it.

    Parameters
    ----------
    setting, fields, terms
        As for `InModes`.
    solver
        The inner solver, see `inner_solver`; destroyed with the inverse.
    """

    def __init__(self, setting: Setting, fields: Fields, terms: Sequence[Term], solver: PETSc.KSP) -> None:
        super().__init__(setting, fields, terms)
        mesh, lines = setting.mesh, self.layout.first.size
        points, w = mesh.z_points, mesh.stencil.width

        # tables (Nz, 2w + 1) of the banded matrix in z, columns in ascending order
        column = np.arange(points)[:, None] + np.arange(-w, w + 1)[None, :]
        inside = (column >= 0) & (column < points) | mesh.wraps
        column %= points
        order = np.argsort(column, axis=1)
        self._inside = np.take_along_axis(inside, order, 1)
        self._first, self._second = np.asarray(mesh.stencil.first)[order], np.asarray(mesh.stencil.second)[order]
        self._centre = order == w
        column = np.take_along_axis(column, order, 1)

        size = points * lines
        entries = np.repeat(self._inside.sum(axis=1), lines)
        self._pattern = (
            np.concatenate([[0], np.cumsum(entries)]).astype(PETSc.IntType),
            self._entries(column[:, None, :] * lines + np.arange(lines)[None, :, None]).astype(PETSc.IntType),
        )
        self.matrix = PETSc.Mat().createAIJ((size, size), comm=PETSc.COMM_SELF)
        self.matrix.setPreallocationCSR((*self._pattern, np.zeros(self._pattern[1].size)))
        self._source, self._solution = self.matrix.createVecs()
        self.solver = solver
        solver.setOperators(self.matrix)

    def _entries(self, values: NDArray) -> NDArray:
        """Values (Nz, lines, 2w + 1) of all rows without those beyond an open end, in the order of the matrix."""
        return values[np.broadcast_to(self._inside[:, None, :], values.shape)] if not self._inside.all() else values

    def decompose(self, point: Point) -> None:
        super().decompose(point)
        first, second, decay = self.coefficients
        values = -first[None, :, None] * self._first[:, None, :] - second[None, :, None] * self._second[:, None, :]
        values += decay[:, :, None] * self._centre[:, None, :]
        self.matrix.setValuesCSR(*self._pattern, self._entries(values).ravel())
        self.matrix.assemble()
        self.shift = 0.0

    def set_shift(self, shift: float) -> None:
        if shift != self.shift:
            self.matrix.shift(shift - self.shift)
            self.shift = shift
        self.solver.setUp()

    def invert(self, lines: Array) -> Array:
        self._source.array_w[:] = lines.ravel()
        self.solver.solve(self._source, self._solution)
        reason = self._fields.comm.allreduce(self.solver.getConvergedReason(), MPI.MIN)
        if reason < 0 and reason != PETSc.KSP.ConvergedReason.DIVERGED_MAX_IT:
            raise SolverError(f"normal modes: the inner solver failed (reason {reason})")
        return self._solution.array_r.reshape(lines.shape)

    def describe(self) -> str:
        entries = self._fields.comm.allreduce(self._pattern[1].size)
        return f"normal modes: {entries} matrix entries"

    def view(self, viewer: PETSc.Viewer) -> None:
        own = viewer.getSubViewer(PETSc.COMM_SELF)
        if self._fields.comm.rank == 0:
            self.solver.view(own)
        viewer.restoreSubViewer(own)

    def destroy(self) -> None:
        for item in (self.solver, self.matrix, self._source, self._solution):
            item.destroy()


class NormalModesPC(FrozenPC):
    """PETSc preconditioner of type python: `NormalModes` at a frozen rho.

    Options (with the prefix of the solver)
    -------
    -pc_normal_modes_refresh : as in `FrozenPC`
    -pc_type ilu | lu | bjacobi | asm | ... : what is applied to P (`SERVING`), with its own options (-pc_factor_levels,
        -sub_pc_type, ...), for short
    -normal_modes_pc_type, -normal_modes_ksp_type, ... : the same with an inner Krylov method, which asks for
        -ksp_type fgmres outside; by default one application of ILU(0) in the order of z. That is the exact LU for
        lines whose ends do not meet (``zero``) and nearly so where the absorbing layer parts them; for ``periodic``
        take lu.
    """

    name = "normal_modes"

    def create(self, pc: PETSc.PC) -> None:
        super().create(pc)
        self._solver: PETSc.KSP | None = None

    def setFromOptions(self, pc: PETSc.PC) -> None:
        super().setFromOptions(pc)
        if self._solver is None:  # here already, so that -help lists its options
            prefix = pc.getOptionsPrefix() or ""
            kind = PETSc.Options(prefix).getString(INNER, "")
            self._solver = one_application(prefix, kind) if kind else inner_solver(f"{prefix}normal_modes_")

    def build(self, pc: PETSc.PC, at: Linearisation) -> NormalModes:
        return NormalModes(at.setting, at.fields, at.terms, self._solver)
