"""Collision operators of the kinetic equation by name, and what is computed from them."""

from gbbgky_petsc.collisions.operator import CollisionOperator, Collisions, build, kinds, register

__all__ = ["CollisionOperator", "Collisions", "build", "kinds", "register"]
