"""What the Numba clinic reads and keeps: records of plain arrays, and tables that stand in for random generators.

Records (structured NumPy scalars) reach Numba as bare pointers; arrays in tuples would be reference-counted at every
call, which cost more than the clinic's arithmetic.
"""

from __future__ import annotations

import numpy as np
from scipy import stats
from scipy.special import logit, ndtr, ndtri

from abm.draws import NORMAL_TABLE, middle_cell
from abm.layout import ROLES, TRAITS, Layout
from abm.parameters import NAMES, Parameters

RATES_PER_COUNT, LARGEST_RATE, QUANTILES = 2, 80, 1024
CELLS = 4096  # of the tables of normals and log-normal factors: 16 kB each
LONGEST_LEAD_DAYS = 70
QUEUE = 1024  # places of a physician's waiting list: a power of two


def _record(**fields: np.ndarray) -> np.ndarray:
    """One record with each array as a field."""
    record = np.zeros(1, [(name, a.dtype, a.shape) for name, a in fields.items()])
    for name, a in fields.items():
        record[name] = a
    return record


def parameter_record(parameters: Parameters) -> np.ndarray:
    """One float32 field a parameter."""
    return _record(**{name: np.float32(getattr(parameters, name)) for name in NAMES})


def layout_record(layout: Layout) -> np.ndarray:
    """The layout's arrays; N physicians, P people."""
    f32 = lambda a: np.ascontiguousarray(a, np.float32)  # noqa: E731
    i64 = lambda a: np.ascontiguousarray(a, np.int64)  # noqa: E731
    return _record(
        pod_size=np.int64(layout.pod_size), staff_of_pod=np.int64(sum(layout.staff_per_pod)),
        staff_per_pod=i64(layout.staff_per_pod), panel_size=i64(layout.panel_size), fte=f32(layout.fte),
        session_days=f32(layout.session_days), traits=f32(layout.traits), distant_peers=i64(layout.distant_peers),
    )  # fmt: skip


def tables_record(parameters: Parameters, layout: Layout) -> np.ndarray:
    """Tables of normals and of who asks over equally likely cells, over lead times, over patients, and of Poisson
    quantiles by rate. They are coarse where that moves no mean, so that they stay in the cache."""
    p, coarse = parameters, ndtri((np.arange(CELLS) + 0.5) / CELLS)
    f32 = lambda a: np.asarray(a, np.float32)  # noqa: E731

    def log_normal(spread: float) -> np.ndarray:
        factor = np.exp(spread * coarse)
        return f32(factor / factor.mean())

    size = np.asarray(layout.panel_size)[:, None]
    ranks = np.minimum(np.arange(size.max()), size - 1)
    load = np.exp(p.visit_complexity_exponent * p.patient_complexity_spread * NORMAL_TABLE[middle_cell(ranks, size)])
    no_show = p.no_show_patient_spread * np.asarray(layout.patient_no_show) + p.no_show_intercept
    no_show = no_show + p.no_show_disadvantage * np.asarray(layout.patient_group)
    patients = np.stack([load, no_show, np.asarray(layout.patient_group)], axis=-1)
    rates = np.arange(LARGEST_RATE * RATES_PER_COUNT + 1) / RATES_PER_COUNT
    u = (np.arange(QUANTILES) + 0.5) / QUANTILES
    shift = p.request_complexity_exponent * p.patient_complexity_spread
    return _record(
        normals=f32(coarse), chosen=f32(ndtr(NORMAL_TABLE + shift)),
        rooming=log_normal(p.rooming_spread), visit=log_normal(p.visit_spread), patients=f32(patients),
        delay=f32(p.no_show_delay_effect * (1 - np.exp(-np.arange(LONGEST_LEAD_DAYS) / p.no_show_delay_days))),
        logits=f32(logit((np.arange(CELLS) + 0.5) / CELLS)),
        counts=stats.poisson.ppf(u, rates[:, None]).astype(np.uint8),
    )  # fmt: skip


def state_records(replicates: int, layout: Layout) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Room for (people, desks, today) of each replicate, all zero."""
    n, count, k = layout.physicians, layout.people, layout.slots_max
    f, i = np.float32, np.int64
    people = [
        (name, f, count) for name in "fatigue exhaustion cynicism change_fatigue motivation employed tenure".split()
    ]
    people += [("traits", f, (count, len(TRAITS))), ("generation", i, count)]
    desks = [(name, f, n) for name in ("administration", "visit_work", "inbox", "unmet", "load")]
    desks += [("queue", np.int32, (n, QUEUE)), ("first", i, n), ("waiting", i, n)]
    today = [
        (name, f, count) for name in "index burned here slow peers session wrap_up evening intensity on_duty".split()
    ]
    today += [(name, f, n) for name in "patients kept load pace hands inbox unmet_new done wait seeing rooming".split()]
    today += [("word", np.uint64, count), ("booked", i, n), ("seen", i, n)]
    today += [("room", f, (n, layout.rooms_per_physician)), ("messages", f, (n, 4))]
    today += [("free", f, layout.staff_per_pod[0]), ("minutes", f, len(ROLES))]
    today += [("rooming_factor", f, (n, k)), ("visit_factor", f, (n, k))]
    return tuple(np.zeros(replicates, fields) for fields in (people, desks, today))
