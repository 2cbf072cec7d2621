"""The first component's share of all movement, against LAPACK."""

from __future__ import annotations

import numpy as np
import pytest

from signalnode.aggregator.measures.component import LANCZOS_FROM, largest_eigenvalue

CLOSE = 1e-9


@pytest.mark.parametrize("size", [1, 5, LANCZOS_FROM + 50])
@pytest.mark.parametrize("shared", [0.0, 0.3, 0.95])
def test_the_largest_eigenvalue_is_lapack_s(size: int, shared: float) -> None:
    draw = np.random.default_rng(size)
    values = shared * draw.standard_normal((400, 1)) + draw.standard_normal((400, size))
    matrix = np.atleast_2d(np.corrcoef(values, rowvar=False))
    expected = np.linalg.eigvalsh(matrix)[-1]
    assert largest_eigenvalue(matrix) == pytest.approx(expected, rel=CLOSE)


def test_an_empty_and_an_identity_matrix_have_theirs_too() -> None:
    assert largest_eigenvalue(np.empty((0, 0))) == 0.0
    assert largest_eigenvalue(np.eye(LANCZOS_FROM + 1)) == pytest.approx(1.0)
