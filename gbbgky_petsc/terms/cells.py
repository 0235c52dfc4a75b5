"""What the terms of the four-field system share: covariance c2 of one fluid cell, and its correlation g3 with another.

c2{12} is the regular part of the contact covariance C, uniform; g3{12},3(z) the regular part of the correlation between
the pairs of one cell and the quasiparticles of another at separation z = x_12 - x_3 (theory: SA.5 to SA.9). Where c2 is
no unknown of the equation it is C_reg of the local GGE.
"""

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.discrete.mesh import PhaseSpaceMesh
from gbbgky_petsc.discrete.symmetric import SymmetricPairs
from gbbgky_petsc.fields import BlockSpec, Slab, State, Whole
from gbbgky_petsc.physics.models.third_order import ThirdOrder, third_order
from gbbgky_petsc.terms.setting import Point

#: c2 on (theta, theta')
COVARIANCE = "covariance"
#: g3 on (z, pair of theta, theta)
TRIPLE = "triple"


def covariance_block(mesh: PhaseSpaceMesh) -> BlockSpec:
    """c2, whole on every rank."""
    return Whole(COVARIANCE, (mesh.theta_points, mesh.theta_points))


def triple_block(mesh: PhaseSpaceMesh) -> BlockSpec:
    """g3, each pair once."""
    return Slab(TRIPLE, SymmetricPairs(mesh.theta_points).count, mesh.theta_points)


def third(point: Point) -> ThirdOrder:
    """Third-order response at the point's rho."""
    return point.once("third_order", lambda: third_order(point.background))


def covariance(point: Point, x: State) -> Array:
    """c2, (N, N). Collective."""
    return x[COVARIANCE] if COVARIANCE in x.fields.blocks else third(point).covariance_regular


def covariance_change(point: Point, change: State) -> Array:
    """Change of c2 along a change of the state, (N, N). Collective."""
    if COVARIANCE in change.fields.blocks:
        return change[COVARIANCE]
    return third(point).covariance_change(change.rho)


def charge(point: Point, x: State) -> Array:
    """c = rho f + int c2, (N,): covariance of each rapidity with the particle number of its cell. Collective."""
    b = point.background
    if COVARIANCE not in x.fields.blocks:
        return b.charge
    return b.rho * b.statistical_factor + b.weight * x[COVARIANCE].sum(axis=0)


def charge_change(point: Point, change: State) -> Array:
    """Change of `charge` along a change of the state, (N,). Collective."""
    if COVARIANCE not in change.fields.blocks:
        return point.background.charge_response @ change.rho
    return third(point).spread_change(change.rho) + point.background.weight * change[COVARIANCE].sum(axis=0)


def shifted(derivative: Array, kernel: Array) -> Array:
    """(d_1 + d_2) of a symmetric kernel, (N, N)."""
    slope = derivative @ kernel
    return slope + slope.T
