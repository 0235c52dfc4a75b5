"""Collisions as a source of layer 1: the late stage of a hierarchy whose layer 2 is that of Euler."""

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.collisions.operator import CollisionOperator, build
from gbbgky_petsc.fields import ONE_BODY, Fields, Rate, State
from gbbgky_petsc.terms import OneBodyTerm, Point, Setting, register


@register
class CoherentSource(OneBodyTerm):
    """d rho/dt = I[rho] of coherent encounters of three, `gbbgky_petsc.collisions.coherent`.

    With streaming, forcing, collective and contact, but no diffusion, layer 2 gives the fast stage and is blocked
    afterwards: I is then all of the late relaxation. I builds up within xi/v, which is neglected.
    """

    name = "coherent"
    reads = (ONE_BODY,)
    kind = "coherent"

    def __init__(self, setting: Setting, fields: Fields) -> None:
        super().__init__(setting, fields)
        comm = fields.dm.getComm()
        self.collisions: CollisionOperator = build(
            self.kind, setting.model, setting.potential, setting.mesh, comm, **setting.collision_options
        )

    def rho_rate(self, point: Point, x: State) -> Array:
        return self.collisions.rate(point.rho)

    def one_body_tangent(self, point: Point) -> Array:
        return point.once(self.name, lambda: self.collisions.derivative(point.rho))

    def add_tangent(self, point: Point, x: State, change: State, out: Rate) -> None:
        rho = change.rho
        if rho.any():
            out[ONE_BODY][:-1] += self.one_body_tangent(point) @ rho
