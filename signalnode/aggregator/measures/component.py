"""How much of all movement is one: the largest eigenvalue of a correlation matrix."""

from __future__ import annotations

import numpy as np

from signalnode.aggregator.measures.decay import Floats

LANCZOS_FROM = 100  # rows; up to here LAPACK takes half a millisecond
LANCZOS_STEPS_MAX = 80  # then LAPACK after all


def largest_eigenvalue(matrix: Floats) -> float:
    """Largest eigenvalue of a symmetric matrix: exactly for small ones, by Lanczos iteration for large ones.

    Lanczos (1950) with full reorthogonalisation; stops when the residual bound of the Ritz pair, whose
    square over the gap bounds the error of the value, is under 1e-7 of it. Right to 1e-9 where LAPACK is,
    which takes 36 times as long for 500 rows, all in one view (docs/decisions/speed.md).
    """
    size = len(matrix)
    if size <= LANCZOS_FROM:
        return float(np.linalg.eigvalsh(matrix)[-1]) if size else 0.0
    basis = np.zeros((LANCZOS_STEPS_MAX + 1, size))
    basis[0] = 1.0 / np.sqrt(size) + np.linspace(-1e-3, 1e-3, size)
    basis[0] /= np.linalg.norm(basis[0])
    alpha, beta = np.zeros(LANCZOS_STEPS_MAX), np.zeros(LANCZOS_STEPS_MAX)
    for k in range(LANCZOS_STEPS_MAX):
        step = matrix @ basis[k]
        alpha[k] = basis[k] @ step
        for _ in range(2):
            step -= basis[: k + 1].T @ (basis[: k + 1] @ step)
        beta[k] = np.linalg.norm(step)
        if k % 4 == 3 or beta[k] < 1e-12:
            inner = np.diag(alpha[: k + 1]) + np.diag(beta[:k], 1) + np.diag(beta[:k], -1)
            values, vectors = np.linalg.eigh(inner)
            if beta[k] * abs(vectors[-1, -1]) <= 1e-7 * abs(values[-1]):
                return float(values[-1])
        basis[k + 1] = step / beta[k]
    return float(np.linalg.eigvalsh(matrix)[-1])
