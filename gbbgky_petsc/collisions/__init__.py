"""The kinetic equation: the collision integral as an operator on rho, its time integration and its spectrum."""

from gbbgky_petsc.collisions.collision import CollisionIntegral, Collisions
from gbbgky_petsc.collisions.three_body import ThreeBodyIntegral

__all__ = ["CollisionIntegral", "Collisions", "ThreeBodyIntegral"]
