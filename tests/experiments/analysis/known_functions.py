"""Functions on the unit cube whose sensitivity indices are known exactly."""

import numpy as np

ISHIGAMI_A, ISHIGAMI_B = 7.0, 0.1
G = np.array([0.0, 1.0, 4.5, 9.0, 99.0, 99.0])


def ishigami(u):
    """Ishigami & Homma 1990, inputs even on (-pi, pi)."""
    x = np.pi * (2 * u - 1)
    return np.sin(x[:, 0]) + ISHIGAMI_A * np.sin(x[:, 1]) ** 2 + ISHIGAMI_B * x[:, 2] ** 4 * np.sin(x[:, 0])


def ishigami_variance():
    a, b = ISHIGAMI_A, ISHIGAMI_B
    return a**2 / 8 + b * np.pi**4 / 5 + b**2 * np.pi**8 / 18 + 0.5


def ishigami_indices():
    """(first, total), each [3]."""
    a, b, v = ISHIGAMI_A, ISHIGAMI_B, ishigami_variance()
    first = np.array([0.5 * (1 + b * np.pi**4 / 5) ** 2, a**2 / 8, 0.0]) / v
    return first, first + np.array([1.0, 0.0, 1.0]) * 8 * b**2 * np.pi**8 / 225 / v


def ishigami_mean_squares():
    """Mean squared derivative by each coordinate of the unit cube, [3] (dx/du = 2 pi)."""
    a, b = ISHIGAMI_A, ISHIGAMI_B
    by_x = np.array([
        0.5 * (1 + 2 * b * np.pi**4 / 5 + b**2 * np.pi**8 / 9),  # mean of cos^2, and of (1 + b x3^4)^2
        a**2 / 2,  # of (a sin 2 x2)^2
        16 * b**2 * np.pi**6 / 7 / 2,  # of (4 b x3^3)^2 and sin^2
    ])  # fmt: skip
    return (2 * np.pi) ** 2 * by_x


def g_function(u):
    """Sobol' & Saltelli's g-function with coefficients G."""
    return np.prod((np.abs(4 * u - 2) + G) / (1 + G), axis=1)


def g_indices():
    """(first, total, variance)."""
    partial = 1 / 3 / (1 + G) ** 2
    variance = np.prod(1 + partial) - 1
    return partial / variance, partial * np.prod(1 + partial) / (1 + partial) / variance, variance


def g_mean_squares():
    """Mean squared derivative, [6]: (4 / (1 + a_i))^2 times the mean square of the other factors."""
    others = 1 + 1 / 3 / (1 + G) ** 2  # mean of each squared factor
    return 16 / (1 + G) ** 2 * np.prod(others) / others
