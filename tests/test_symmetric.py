"""Fields stored once per unordered pair, against plain sums over all pairs."""

import numpy as np

from gbbgky_petsc.discrete.symmetric import SymmetricPairs

N, PLANES = 7, 3
PAIRS = SymmetricPairs(N)
RNG = np.random.default_rng(5)


def symmetric_field():
    whole = RNG.normal(size=(PLANES, N, N, N))
    whole = whole + whole.transpose(0, 2, 1, 3)
    return whole, PAIRS.pack(whole)


def test_pack_and_unpack():
    whole, packed = symmetric_field()
    assert packed.shape == (PLANES, N * (N + 1) // 2, N)
    np.testing.assert_array_equal(PAIRS.unpack(packed), whole)
    np.testing.assert_array_equal(PAIRS.unpack(PAIRS.pack(whole[0, :, :, 2])), whole[0, :, :, 2])
    np.testing.assert_allclose(PAIRS.sum_of_one(packed), whole.sum(axis=2))


def test_operators():
    whole, packed = symmetric_field()
    operator = RNG.normal(size=(N, N))
    moved = np.einsum("ab,zbck->zack", operator, whole)
    expected = PAIRS.pack(moved + moved.transpose(0, 2, 1, 3))
    np.testing.assert_allclose(PAIRS.sum_of_each(operator, packed), expected, atol=1e-12)
    turned = np.einsum("ad,be,cf,zdef->zabc", operator, operator, operator, whole)
    np.testing.assert_allclose(PAIRS.rotate(operator, packed), PAIRS.pack(turned), atol=1e-11)
