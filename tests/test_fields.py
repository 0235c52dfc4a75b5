"""Blocks of a state vector: layout over ranks, halos, gathering, storing, wavenumbers."""

import numpy as np
import pytest
from mpi4py import MPI
from petsc4py import PETSc

from gbbgky_petsc.discrete.mesh import Boundary, PhaseSpaceMesh
from gbbgky_petsc.errors import InputError
from gbbgky_petsc.fields import ONE_BODY, PAIR, Fields, Rate, Slab, Wavenumbers, Whole, ZLines, one_body_and_pair, share

WORLD = MPI.COMM_WORLD


def mesh_of(boundary="periodic", **changes):
    numbers = {"theta_max": 4.0, "theta_points": 10, "z_max": 40.0, "z_spacing": 4.0, "stencil_order": 4} | changes
    return PhaseSpaceMesh(boundary=Boundary(boundary), **numbers)


@pytest.fixture(params=["periodic", "zero"])
def fields(request):
    """Layers 1 and 2 with a whole block of two dimensions and slabs that are not square."""
    mesh = mesh_of(request.param)
    specs = [Whole(ONE_BODY, (11,)), Slab(PAIR, 10, 10), Whole("plane", (3, 4)), Slab("flat", 1, 4), Slab("tall", 7, 2)]
    made = Fields(mesh, PETSc.COMM_WORLD, specs)
    yield made
    made.destroy()


def whole_values(fields, seed=0):
    """Random values of every block, whole and the same on every rank."""
    random = np.random.default_rng(seed)
    shapes = {name: fields.whole(name).shape for name in fields.wholes}
    for name in fields.slabs:
        slab = fields.slab(name)
        shapes[name] = (fields.mesh.z_points, slab.rows, slab.columns)
    return {name: random.standard_normal(shape) for name, shape in shapes.items()}


def own(fields, values):
    """What `Fields.store` takes of whole values: this rank's planes of slabs."""
    return {name: v[fields.slab(name).planes] if name in fields.slabs else v for name, v in values.items()}


def filled(fields, values):
    x = fields.create_vector()
    fields.store(x.array_w, own(fields, values))
    return x


@pytest.mark.parallel
def test_what_is_stored_is_read(fields):
    values = whole_values(fields)
    x = filled(fields, values)
    assert x.getSize() == sum(block.total for block in fields.blocks.values()) == sum(v.size for v in values.values())
    state = fields.read(x.array_r)
    for name, value in own(fields, values).items():
        np.testing.assert_array_equal(state[name], value)
    np.testing.assert_array_equal(state.rho, values[ONE_BODY][:-1])
    np.testing.assert_allclose(x.norm() ** 2, sum((v**2).sum() for v in values.values()))
    x.destroy()


@pytest.mark.parallel
def test_natural_order_of_a_block_is_that_of_its_ranks(fields):
    """A block written rank after rank from ``start`` on is the whole array: what checkpoints rely on."""
    values = whole_values(fields)
    x = filled(fields, values)
    for name, block in fields.blocks.items():
        whole = np.zeros(block.total)
        whole[block.start : block.start + block.local_size] = fields.part(x.array_r, name).ravel()
        WORLD.Allreduce(MPI.IN_PLACE, whole)
        np.testing.assert_array_equal(whole, values[name].ravel())
    x.destroy()


@pytest.mark.parallel
def test_gathered_planes(fields):
    values = whole_values(fields)
    slab = fields.slab("tall")
    np.testing.assert_array_equal(slab.gather_planes(values["tall"][slab.planes]), values["tall"])
    sums = values["tall"].sum(axis=(1, 2))
    np.testing.assert_array_equal(slab.gather_planes(sums[slab.planes]), sums)


@pytest.mark.parallel
@pytest.mark.parametrize("name", [PAIR, "flat", "tall"])
def test_halos_are_the_neighbours_planes(fields, name):
    value = whole_values(fields)[name]
    slab, w = fields.slab(name), fields.mesh.stencil.width
    padded = np.pad(value, ((w, w), (0, 0), (0, 0)), mode="wrap" if fields.mesh.wraps else "constant")
    expected = padded[slab.planes.start : slab.planes.stop + 2 * w]
    for _ in range(2):  # the second time in the same work space
        np.testing.assert_array_equal(slab.with_halo(value[slab.planes]), expected)


@pytest.mark.parallel
def test_moments_and_detached_states(fields):
    values = whole_values(fields)
    x = filled(fields, values)
    state = fields.read(x.array_r)
    kept = state.detached(["flat"])
    m, mirror = kept.moments
    np.testing.assert_allclose(m, values[PAIR].sum(axis=2) * fields.mesh.theta_weight, atol=1e-14)
    np.testing.assert_allclose(mirror, values[PAIR].sum(axis=1) * fields.mesh.theta_weight, atol=1e-14)
    x.set(0.0)  # what is detached does not see this
    for name in (ONE_BODY, "plane", "flat"):
        np.testing.assert_array_equal(kept[name], own(fields, values)[name])
    x.destroy()


@pytest.mark.parallel
def test_rates_add_up_and_overwrite(fields):
    values = whole_values(fields)
    x = fields.create_vector()
    x.set(7.0)
    rate = Rate(fields, x.array_w)
    for _ in range(2):
        for name, value in own(fields, values).items():
            rate[name][...] += value
    rate.close()
    state = fields.read(x.array_r)
    for name, value in own(fields, values).items():
        np.testing.assert_array_equal(state[name], 2.0 * value)
    x.destroy()


@pytest.mark.parallel
@pytest.mark.parametrize("name", [PAIR, "flat", "tall"])
def test_wavenumbers_are_the_transform_of_all_planes(fields, name):
    """Also where there are fewer rows than ranks, and rows and columns differ."""
    value, slab = whole_values(fields)[name], fields.slab(name)
    switch = Wavenumbers(fields, name)
    spectrum = switch.forward(value[slab.planes])
    np.testing.assert_allclose(spectrum, np.fft.rfft(value, axis=0)[switch.k_range], atol=1e-12)
    np.testing.assert_allclose(switch.backward(spectrum), value[slab.planes], atol=1e-13)
    pencils = switch.to_pencils(value[slab.planes])
    np.testing.assert_array_equal(pencils, value[:, switch.row_range])
    np.testing.assert_array_equal(switch.to_slabs(pencils), value[slab.planes])


@pytest.fixture(params=["periodic", "zero"])
def mirrored(request):
    """Layers 1 and 2 with g for z <= 0, and a g on all of the mesh that has its symmetry."""
    made = Fields(mesh_of(request.param), PETSc.COMM_WORLD, one_body_and_pair(mesh_of(request.param), mirrored=True))
    yield made, symmetric(made.mesh)
    made.destroy()


def symmetric(mesh):
    """A random g on all of the mesh with the exchange symmetry."""
    g = np.random.default_rng(1).standard_normal((mesh.z_points, 10, 10))
    image = np.roll(g[::-1], 1, axis=0) if mesh.wraps else g[::-1]
    return 0.5 * (g + image.swapaxes(1, 2))


@pytest.mark.parallel
def test_half_of_the_planes_stands_for_all(mirrored):
    """Halos, gathered planes, moments, wavenumbers, lines and pieces of files are those of the whole."""
    fields, g = mirrored
    slab, w, weight = fields.slab(), fields.mesh.stencil.width, fields.mesh.theta_weight
    held = g[slab.planes]
    assert slab.total == (fields.mesh.z_points // 2 + 1) * 100 and slab.unfolded_total == g.size
    assert WORLD.allreduce(slab.multiplicity.sum()) == fields.mesh.z_points
    padded = np.pad(g, ((w, w), (0, 0), (0, 0)), mode="wrap" if fields.mesh.wraps else "constant")
    for _ in range(2):
        np.testing.assert_array_equal(slab.with_halo(held), padded[slab.planes.start : slab.planes.stop + 2 * w])
    gathered = slab.gather_planes(held)
    np.testing.assert_array_equal(slab.unfold(gathered, gathered.swapaxes(1, 2)), g)
    x = fields.create_vector()
    fields.store(x.array_w, {PAIR: held})
    for found, axis in zip(fields.read(x.array_r).moments, (2, 1), strict=True):
        np.testing.assert_allclose(found, g.sum(axis=axis) * weight, atol=1e-14)
    x.destroy()
    switch, lines = Wavenumbers(fields), ZLines(fields)
    spectrum = switch.forward(held)
    np.testing.assert_allclose(spectrum, np.fft.rfft(g, axis=0)[switch.k_range], atol=1e-12)
    np.testing.assert_allclose(switch.backward(spectrum), held, atol=1e-13)
    of_pairs, back = lines.to_lines(held), np.empty_like(held)
    np.testing.assert_array_equal(of_pairs, g[:, lines.first, lines.second])
    lines.to_slabs(of_pairs, back)
    np.testing.assert_array_equal(back, held)
    whole = np.zeros(slab.unfolded_total)
    for start, piece in ((slab.start, held), slab.reflection(held)):
        whole[start : start + piece.size] += piece.ravel()
    WORLD.Allreduce(MPI.IN_PLACE, whole)
    np.testing.assert_array_equal(whole, g.ravel())


@pytest.mark.parallel
@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("boundary", ["periodic", "zero"])
def test_halos_reach_beyond_the_next_rank(boundary, mirrored):
    """With fewer planes on a rank than the stencil looks at on either side."""
    mesh = mesh_of(boundary, z_max=12.0, z_spacing=4.0, stencil_order=6)
    fields = Fields(mesh, PETSc.COMM_WORLD, one_body_and_pair(mesh, mirrored))
    g = symmetric(mesh)
    w, planes = mesh.stencil.width, fields.slab().planes
    padded = np.pad(g, ((w, w), (0, 0), (0, 0)), mode="wrap" if mesh.wraps else "constant")
    expected = padded[planes.start : planes.stop + 2 * w]
    np.testing.assert_array_equal(fields.slab().with_halo(g[planes]), expected)
    fields.destroy()


def test_even_split():
    for total, ranks in ((7, 3), (2, 3), (100, 7)):
        offsets = share(total, ranks)
        assert offsets[0] == 0 and offsets[-1] == total and len(offsets) == ranks + 1
        assert np.ptp(np.diff(offsets)) <= 1


def test_refusals():
    with pytest.raises(ValueError, match="two blocks"):
        Fields(mesh_of(), PETSc.COMM_SELF, [Whole("a", (20,)), Whole("a", (20,))])


@pytest.mark.parallel
def test_more_ranks_than_the_mesh_has_room_for():
    """Each rank needs a plane of g."""
    mesh = mesh_of(z_max=2.0, z_spacing=2.0)
    if WORLD.size <= 2:
        pytest.skip("room enough")
    with pytest.raises(InputError, match=r"ranks = 3: .* allows at most 2"):
        Fields(mesh, PETSc.COMM_WORLD, one_body_and_pair(mesh, mirrored=True))
