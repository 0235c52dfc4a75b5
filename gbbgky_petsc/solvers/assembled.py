"""The Jacobian as an assembled AIJ matrix, for PETSc's own preconditioners and as a test oracle."""

from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from petsc4py import PETSc

from gbbgky_petsc.errors import InputError

if TYPE_CHECKING:
    from gbbgky_petsc.equations.hierarchy import Hierarchy, Jacobian

Array = NDArray[np.float64]

#: entries beyond which assembly is refused: about 3 GB of AIJ storage and work space
LARGEST = 10**8


class AssembledJacobian:
    """Assembles exactly the matrix that `gbbgky_petsc.equations.hierarchy.Jacobian` applies.

    A and D are dense in theta, so the number of entries grows as N^3 Nz: a mesh that would need more than
    `LARGEST` entries is refused. Rows are built by the rank that owns them.

    Raises
    ------
    InputError
        If the matrix would be too large.
    """

    def __init__(self, hierarchy: "Hierarchy") -> None:
        self._h = hierarchy
        mesh = hierarchy.mesh
        n, points = mesh.theta_points, mesh.z_points
        per_row = 2 * n * (2 * mesh.stencil.width + 1)
        if hierarchy.has("collective"):
            per_row += 2 * n * points
        entries = n * n * points * (per_row + n) + n**3 * points
        if entries > LARGEST:
            raise InputError(
                f"pc_type: an assembled matrix on this mesh has {entries:.1e} entries; allowed: at most {LARGEST:.0e} "
                "(coarser mesh, hierarchy.order = leading, or the default -pc_type python)"
            )
        fields = hierarchy.fields
        ranks_one_body = np.array(fields.comm.allgather(fields.one_body_range.stop - fields.one_body_range.start))
        ranks_pair = np.array(fields.comm.allgather(int(np.prod(fields.pair_shape))))
        starts = np.concatenate([[0], np.cumsum(ranks_one_body + ranks_pair)])[:-1]
        # position in the PETSc vector of each one-body entry, then of each entry of g in (z, theta, theta')
        self._where = np.concatenate(
            [s + np.arange(m) for s, m in zip(starts, ranks_one_body, strict=True)]
            + [s + m + np.arange(p) for s, m, p in zip(starts, ranks_one_body, ranks_pair, strict=True)]
        )

    def create_matrix(self) -> PETSc.Mat:
        """An empty AIJ matrix of the right layout. Collective."""
        sizes = self._h.fields.create_vector().getSizes()
        matrix = PETSc.Mat().createAIJ((sizes, sizes), nnz=1, comm=self._h.fields.dm.comm)
        matrix.setOption(PETSc.Mat.Option.NEW_NONZERO_ALLOCATION_ERR, False)
        matrix.setUp()
        return matrix

    def whole(self, jacobian: "Jacobian") -> sp.csr_matrix:
        """The matrix in the order (rho, absorbed energy, g), built from the terms' Kronecker factors."""
        h, names = self._h, jacobian.names
        mesh, background = h.mesh, jacobian.background
        n, points = mesh.theta_points, mesh.z_points
        pairs = n * n * points
        pair_block = sp.csr_matrix((pairs, pairs))
        lost = sp.csr_matrix((1, pairs))
        energy = sp.csr_matrix(np.repeat(h.one_body.energy_weights * mesh.theta_weight, n * n)[None, :])
        for term in h.linear:
            if term.name not in names:
                continue
            term.update(background)
            block = sum((f.matrix() for f in term.factors()), sp.csr_matrix((pairs, pairs)))
            pair_block = pair_block + block
            if term is h.boundary:
                lost = lost - energy @ block
        slope = h.model.energy_derivative(mesh.theta)
        edge = h.one_body.edge_weights * mesh.theta_weight
        if "streaming" in names and np.any(edge):
            lost = lost + sp.csr_matrix(np.kron(edge, (slope[:, None] - slope[None, :]).ravel())[None, :])
        force = mesh.z_spacing * mesh.theta_weight * h.setting.force
        derivative, ones = mesh.theta_derivative, np.ones((1, n))
        layer_one = sp.kron(force[None, :], sp.kron(derivative, ones) - sp.kron(ones, derivative)) / 2.0
        coupling = np.zeros((pairs, n + 1))
        for column in range(n):
            change = np.zeros(n)
            change[column] = 1.0
            coupling[:, column] = jacobian.whole_coupling(change).ravel()
        top = sp.vstack([layer_one, lost])
        rate = sp.bmat([[sp.csr_matrix((n + 1, n + 1)), top], [sp.csr_matrix(coupling), pair_block]])
        return (jacobian.shift * sp.identity(n + 1 + pairs) - rate).tocsr()

    def fill(self, jacobian: "Jacobian", matrix: PETSc.Mat) -> None:
        """Write the Jacobian into an AIJ matrix. Collective."""
        whole = self.whole(jacobian)
        start, end = matrix.getOwnershipRange()
        own = np.flatnonzero((self._where >= start) & (self._where < end))
        own = own[np.argsort(self._where[own])]
        rows = whole[own]
        rows = sp.csr_matrix((rows.data, self._where[rows.indices], rows.indptr), shape=rows.shape)
        rows.sort_indices()
        integer = PETSc.IntType
        matrix.setPreallocationCSR((rows.indptr.astype(integer), rows.indices.astype(integer), rows.data))
        matrix.assemble()
