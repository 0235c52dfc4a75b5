"""The Jacobian as an assembled AIJ matrix, for PETSc's own preconditioners and as a test oracle."""

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp
from petsc4py import PETSc

from gbbgky_petsc.equations.linearisation import Jacobian, Linearisation
from gbbgky_petsc.errors import InputError
from gbbgky_petsc.fields import ONE_BODY, PAIR, Fields
from gbbgky_petsc.terms import Setting, Term

#: entries beyond which assembly is refused: about 3 GB of AIJ storage and work space
LARGEST = 10**8


class AssembledJacobian:
    """Assembles exactly the matrix that `Jacobian` applies, for equations of rho and g alone.

    A and D are dense in theta, so the number of entries grows as N^3 Nz: a mesh that would need more than
    `LARGEST` entries is refused. Rows are built by the rank that owns them.

    Raises
    ------
    InputError
        If the matrix would be too large, or the equations have further unknowns.
    """

    def __init__(self, setting: Setting, fields: Fields, terms: Sequence[Term]) -> None:
        self._fields = fields
        further = set(fields.blocks) - {ONE_BODY, PAIR}
        if further:
            raise InputError(
                f"pc_type: no assembled matrix for {', '.join(sorted(further))}; allowed: the default -pc_type python"
            )
        mesh = setting.mesh
        n, points = mesh.theta_points, mesh.z_points
        per_row = 2 * n * (2 * mesh.stencil.width + 1)
        if any(term.name == "collective" for term in terms):
            per_row += 2 * n * points
        entries = n * n * points * (per_row + n) + n**3 * points
        if entries > LARGEST:
            raise InputError(
                f"pc_type: an assembled matrix on this mesh has {entries:.1e} entries; allowed: at most {LARGEST:.0e} "
                "(coarser mesh, hierarchy.order = leading, the default -pc_type python, or a sparse matrix by "
                "-pc_type python -pc_python_type normal_modes -normal_modes_pc_type bjacobi|asm|lu|...)"
            )
        sizes = [np.array(fields.comm.allgather(fields.blocks[name].local_size)) for name in (ONE_BODY, PAIR)]
        starts = np.concatenate([[0], np.cumsum(sizes[0] + sizes[1])])[:-1]
        # position in the PETSc vector of each one-body entry, then of each entry of g in (z, theta, theta')
        self._where = np.concatenate(
            [s + np.arange(m) for s, m in zip(starts, sizes[0], strict=True)]
            + [s + m + np.arange(p) for s, m, p in zip(starts, *sizes, strict=True)]
        )

    def create_matrix(self) -> PETSc.Mat:
        """An empty AIJ matrix of the right layout. Collective."""
        vector = self._fields.create_vector()
        matrix = PETSc.Mat().createAIJ((vector.getSizes(), vector.getSizes()), nnz=1, comm=vector.comm)
        vector.destroy()
        matrix.setOption(PETSc.Mat.Option.NEW_NONZERO_ALLOCATION_ERR, False)
        matrix.setUp()
        return matrix

    def whole(self, at: Linearisation, shift: float) -> sp.csr_matrix:
        """The matrix in the order (rho, absorbed energy, g), built from the terms' own matrices. Collective."""
        n = at.setting.mesh.theta_points
        pairs = self._fields.slab().total
        pair_block = sp.csr_matrix((pairs, pairs))
        rho_rows = sp.csr_matrix((n, pairs))
        absorbed_row = np.zeros(pairs)
        for term in at.terms:
            for product in term.summands(at.point):
                pair_block = pair_block + product.matrix()
            rows, absorbed = term.one_body_rows(at.point), term.absorbed_row(at.point)
            rho_rows = rho_rows if rows is None else rho_rows + rows
            absorbed_row = absorbed_row if absorbed is None else absorbed_row + absorbed
        by_rho, to_pair = np.zeros((n + 1, n + 1)), np.zeros((pairs, n + 1))
        for column in range(n):
            parts = at.column(ONE_BODY, column)
            by_rho[:, column] = parts[ONE_BODY]
            to_pair[:, column] = self._fields.slab().gather_planes(parts[PAIR]).ravel()
        to_one_body = sp.vstack([rho_rows, sp.csr_matrix(absorbed_row[None, :])])
        rate = sp.bmat([[sp.csr_matrix(by_rho), to_one_body], [sp.csr_matrix(to_pair), pair_block]])
        return (shift * sp.identity(n + 1 + pairs) - rate).tocsr()

    def fill(self, jacobian: Jacobian, matrix: PETSc.Mat) -> None:
        """Write the Jacobian into an AIJ matrix. Collective."""
        whole = self.whole(jacobian.linearisation, jacobian.shift)
        start, end = matrix.getOwnershipRange()
        own = np.flatnonzero((self._where >= start) & (self._where < end))
        own = own[np.argsort(self._where[own])]
        rows = whole[own]
        rows = sp.csr_matrix((rows.data, self._where[rows.indices], rows.indptr), shape=rows.shape)
        rows.sort_indices()
        integer = PETSc.IntType
        matrix.setPreallocationCSR((rows.indptr.astype(integer), rows.indices.astype(integer), rows.data))
        matrix.assemble()
