"""Colours as they are seen: contrast (WCAG 2.1), colour blindness (Machado, Oliveira and Fernandes 2009) and
how far two are apart (CIE 1976 L*a*b*, D65: about 2.3 is just noticed).
"""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

# Of linear RGB, at severity 1: the paper's table 1.
BLINDNESSES = {
    "none": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
_WHITE = np.array([0.95047, 1.0, 1.08883])


def linear(colour: str) -> Floats:
    """`rgb(1,2,3)`, `#fff` or `#0f1318` as linear RGB, each from 0 to 1."""
    if colour.startswith("#"):
        digits = colour[1:] if len(colour) == 7 else "".join(2 * each for each in colour[1:])
        numbers = [int(digits[at : at + 2], 16) for at in (0, 2, 4)]
    else:
        numbers = [int(each) for each in re.findall(r"\d+", colour)]
    shares = np.array(numbers) / 255
    return np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)


def contrast(first: str, second: str) -> float:
    """From 1 to 21; text needs 4.5."""
    low, high = sorted(float(_XYZ[1] @ linear(each)) for each in (first, second))
    return (high + 0.05) / (low + 0.05)


def lab(colour: str, blindness: str) -> Floats:
    """L*, a*, b* of what somebody with that blindness sees."""
    seen = np.clip(BLINDNESSES[blindness] @ linear(colour), 0.0, 1.0)
    shares = _XYZ @ seen / _WHITE
    roots = np.where(shares > 216 / 24389, np.cbrt(shares), (24389 / 27 * shares + 16) / 116)
    x, y, z = roots
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def apart(first: str, second: str, blindness: str) -> float:
    """ΔE*ab of the two."""
    return float(np.linalg.norm(lab(first, blindness) - lab(second, blindness)))
