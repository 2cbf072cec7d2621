"""How much of all movement is one: the largest eigenvalue of a correlation matrix."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from signalnode.aggregator.measures.decay import Floats

LANCZOS_FROM = 100  # rows; up to here LAPACK takes half a millisecond
LANCZOS_STEPS_MAX = 80  # then LAPACK after all


class Matrix(Protocol):
    """What can be asked for its product with a vector."""

    def __len__(self) -> int: ...

    def __matmul__(self, vector: Floats, /) -> Floats: ...


def largest_eigenvalue(matrix: Floats) -> float:
    """Largest eigenvalue of a symmetric matrix: exactly for small ones, by Lanczos iteration for large ones.

    Right to 1e-9 where LAPACK is, which takes 36 times as long for 500 rows (docs/decisions/speed.md).
    """
    if len(matrix) <= LANCZOS_FROM:
        return float(np.linalg.eigvalsh(matrix)[-1]) if len(matrix) else 0.0
    value = lanczos(matrix)
    return float(np.linalg.eigvalsh(matrix)[-1]) if value is None else value


def lanczos(matrix: Matrix) -> float | None:
    """Largest eigenvalue of a symmetric matrix by Lanczos iteration (1950), fully reorthogonalised.

    None where LANCZOS_STEPS_MAX steps were not enough.

    Stops when the residual bound of the Ritz pair, whose square over the gap bounds the error of the value,
    is under 1e-7 of it.
    """
    size = len(matrix)
    most = min(LANCZOS_STEPS_MAX, size)
    basis = np.zeros((most + 1, size))
    basis[0] = 1.0 / np.sqrt(size) + np.linspace(-1e-3, 1e-3, size)
    basis[0] /= np.linalg.norm(basis[0])
    alpha, beta = np.zeros(most), np.zeros(most)
    for k in range(most):
        step = matrix @ basis[k]
        alpha[k] = basis[k] @ step
        for _ in range(2):
            step -= basis[: k + 1].T @ (basis[: k + 1] @ step)
        beta[k] = np.linalg.norm(step)
        if k % 4 == 3 or beta[k] < 1e-12 or k == size - 1:
            inner = np.diag(alpha[: k + 1]) + np.diag(beta[:k], 1) + np.diag(beta[:k], -1)
            values, vectors = np.linalg.eigh(inner)
            if beta[k] * abs(vectors[-1, -1]) <= 1e-7 * abs(values[-1]) or beta[k] < 1e-12:
                return float(values[-1])
        basis[k + 1] = step / beta[k]
    return None
