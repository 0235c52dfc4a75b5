"""The Jacobian of rho and g as a sparse matrix, from the terms' own matrices: fast application is held against it."""

import numpy as np
import scipy.sparse as sp
from petsc4py import PETSc

from gbbgky_petsc.equations.linearisation import Jacobian
from gbbgky_petsc.fields import ONE_BODY, PAIR


def assembled(at, shift):
    """shift - derivative, rows and columns in the order (rho, absorbed energy, g)."""
    n, slab = at.setting.mesh.theta_points, at.fields.slab()
    unfold = unfolding(slab)
    points, pairs = unfold.shape
    pair_block = sp.csr_matrix((pairs, points))
    rho_rows = sp.csr_matrix((n, points))
    absorbed_row = np.zeros(points)
    for term in at.terms:
        for product in term.summands(at.point):
            pair_block = pair_block + product.matrix()[:pairs]
        rows, absorbed = term.one_body_rows(at.point), term.absorbed_row(at.point)
        rho_rows = rho_rows if rows is None else rho_rows + rows
        absorbed_row = absorbed_row if absorbed is None else absorbed_row + absorbed
    by_rho, to_pair = np.zeros((n + 1, n + 1)), np.zeros((pairs, n + 1))
    for column in range(n):
        parts = at.column(ONE_BODY, column)
        by_rho[:, column] = parts[ONE_BODY]
        to_pair[:, column] = slab.gather_planes(parts[PAIR]).ravel()
    to_one_body = sp.vstack([rho_rows, sp.csr_matrix(absorbed_row[None, :])]) @ unfold
    pair_block = symmetrising(slab) @ pair_block @ unfold
    rate = sp.bmat([[sp.csr_matrix(by_rho), to_one_body], [sp.csr_matrix(to_pair), pair_block]])
    return (shift * sp.identity(n + 1 + pairs) - rate).tocsr()


def unfolding(slab):
    """g on the whole mesh from the planes that are held, as a matrix of zeros and ones."""
    held = np.arange(slab.total).reshape(-1, slab.rows, slab.columns)
    columns = slab.unfold(held, held.swapaxes(1, 2)).ravel()
    return sp.csr_matrix((np.ones(columns.size), (np.arange(columns.size), columns)), (columns.size, slab.total))


def symmetrising(slab):
    """What `gbbgky_petsc.fields.Rate` does to planes that mirror themselves, as a matrix."""
    held = np.arange(slab.total).reshape(-1, slab.rows, slab.columns)
    other = held.copy()
    if slab.mirrored:
        own = slab.mirror == np.arange(slab.mirror.size)
        other[own] = held[own].swapaxes(1, 2)
    rows, columns = np.tile(held.ravel(), 2), np.concatenate([held.ravel(), other.ravel()])
    return sp.csr_matrix((np.full(rows.size, 0.5), (rows, columns)), (slab.total, slab.total))


def check_operator_equals_assembled(h, x):
    """The Jacobian of a hierarchy on one rank at a state, against `assembled`."""
    at = h.linearise(x)
    jacobian = Jacobian()
    jacobian.set(at, 0.07)
    J = PETSc.Mat().createPython((x.getSizes(), x.getSizes()), jacobian, comm=x.comm)
    J.setUp()
    v, y = x.duplicate(), x.duplicate()
    v.array_w[:] = np.random.default_rng(3).standard_normal(v.getLocalSize())
    J.mult(v, y)
    np.testing.assert_allclose(assembled(at, 0.07) @ v.array_r, y.array_r, atol=1e-12 * np.abs(y.array_r).max())
