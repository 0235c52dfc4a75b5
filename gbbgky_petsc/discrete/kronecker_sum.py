"""Inverses of Kronecker sums shift + M x 1 + 1 x conj M by eigen-decomposition of M."""

from dataclasses import dataclass

import numpy as np

from gbbgky_petsc.arrays import ComplexArray
from gbbgky_petsc.errors import SolverError


@dataclass(frozen=True)
class KroneckerSumInverse:
    """Decompositions X diag(lambda) X^-1 of matrices M_k: solves (shift + M_k . + . M_k^H) G = F for each k.

    Attributes
    ----------
    eigenvalues : (K, N)
    vectors, vectors_inverse : (K, N, N)
    vectors_h, inverse_h : (K, N, N) their Hermitian conjugates, stored for contiguous products
    """

    eigenvalues: ComplexArray
    vectors: ComplexArray
    vectors_inverse: ComplexArray
    vectors_h: ComplexArray
    inverse_h: ComplexArray

    @classmethod
    def of(cls, matrices: ComplexArray) -> "KroneckerSumInverse":
        """Decompose (K, N, N) matrices.

        Raises
        ------
        SolverError
            If eigenvectors are too close to parallel (reconstruction error above 1e-6).
        """
        eigenvalues, vectors = np.linalg.eig(matrices)
        inverse = np.linalg.inv(vectors)
        rebuilt = (vectors * eigenvalues[:, None, :]) @ inverse
        scale = np.abs(matrices).max(initial=1e-300)
        error = np.abs(rebuilt - matrices).max(initial=0.0) / scale
        if not error < 1e-6:
            raise SolverError(f"lyapunov: an eigenbasis of M_k is numerically singular (error {error:.1e})")

        def conjugate(x: ComplexArray) -> ComplexArray:
            return np.ascontiguousarray(x.conj().swapaxes(1, 2))

        return cls(eigenvalues, vectors, inverse, conjugate(vectors), conjugate(inverse))

    def denominators(self, shift: float) -> ComplexArray:
        """1/(shift + lambda_i + conj lambda_j), (K, N, N)."""
        pair = self.eigenvalues[:, :, None] + self.eigenvalues[:, None, :].conj()
        pair += shift
        return np.reciprocal(pair, out=pair)

    def to_modes(self, k: int, matrix: ComplexArray) -> ComplexArray:
        """X^-1 F X^-H for the k-th matrix."""
        return self.vectors_inverse[k] @ matrix @ self.inverse_h[k]

    def from_modes(self, k: int, matrix: ComplexArray) -> ComplexArray:
        """X G X^H for the k-th matrix."""
        return self.vectors[k] @ matrix @ self.vectors_h[k]
