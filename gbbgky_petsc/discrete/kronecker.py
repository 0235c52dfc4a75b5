"""Kronecker products Z x L x R on (z, theta, theta'): how every linear term of layer 2 is built."""

from collections.abc import Iterator
from dataclasses import dataclass

import numba
import numpy as np
import scipy.sparse as sp

from gbbgky_petsc.arrays import Array

#: planes of g worked on at a time: keeps the operands of the products in the second-level cache
BLOCK = 8


def blocks(planes: int) -> Iterator[slice]:
    """Slices of at most `BLOCK` planes."""
    for start in range(0, planes, BLOCK):
        yield slice(start, min(start + BLOCK, planes))


@numba.njit(cache=True)
def add_scaled(factor: Array, matrix: Array, out: Array) -> None:
    """out[z] += factor[z] matrix in one pass.

    Parameters
    ----------
    factor : (planes,)
    matrix : (rows, columns)
    out : (planes, rows, columns)
    """
    planes, rows, columns = out.shape
    for z in range(planes):
        for i in range(rows):
            for j in range(columns):
                out[z, i, j] += factor[z] * matrix[i, j]


@numba.njit(cache=True)
def add_antisymmetrised(vector: Array, left: Array, right: Array, out: Array) -> None:
    """out[z] += vector right[z]^T - left[z] vector^T in one pass.

    Parameters
    ----------
    vector : (N,)
    left, right : (planes, N)
    out : (planes, N, N)
    """
    planes, n, _ = out.shape
    for z in range(planes):
        for i in range(n):
            for j in range(n):
                out[z, i, j] += vector[i] * right[z, j] - left[z, i] * vector[j]


@dataclass(frozen=True)
class KroneckerProduct:
    """The operator (Z x L x R) g = sum Z[z, y] L[theta, alpha] R[theta', beta] g[y, alpha, beta].

    Attributes
    ----------
    z : (Nz, Nz) sparse
    left, right : (N, N)
    """

    z: sp.spmatrix
    left: Array
    right: Array

    def matrix(self) -> sp.csr_matrix:
        """The assembled sparse matrix, rows and columns in the order (z, theta, theta')."""
        return sp.kron(self.z, sp.kron(sp.csr_matrix(self.left), sp.csr_matrix(self.right)), format="csr")


def stencil_matrix(weights: tuple[float, ...], points: int, wraps: bool) -> sp.csr_matrix:
    """Banded (points, points) matrix of a stencil, closed on itself if it ``wraps``."""
    w = len(weights) // 2
    rows, columns, values = [], [], []
    for m, weight in zip(range(-w, w + 1), weights, strict=True):
        row = np.arange(points)
        column = row + m
        inside = np.ones(points, bool) if wraps else (column >= 0) & (column < points)
        rows.append(row[inside])
        columns.append(column[inside] % points)
        values.append(np.full(inside.sum(), weight))
    return sp.csr_matrix((np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), (points, points))
