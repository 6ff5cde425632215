"""Any order of arrival ends in the same twin, to the last bit; killed and opened again, too."""

import multiprocessing
import os
import signal
import time

import jax
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from calibration.event_log import EventLog
from calibration.observations import COLUMNS
from calibration.sources.base import OFFSET, Batch
from calibration.twin import twin as twin_module
from calibration.twin.checkpoints import to_keep
from calibration.twin.step import everybody
from calibration.twin.store import Store
from calibration.twin.twin import Twin

KILLS = 40 if os.environ.get("CLINICTWIN_FULL") else 3


def bits(twin):
    """Everything a twin knows and has told, as bytes."""
    state = twin.state
    leaves = jax.tree.leaves(
        (everybody(state), state.sources, state.drift, state.filled, state.session_minutes, state.relations)
    )
    told = [np.asarray(part) for day in sorted(twin.told) for part in twin.told[day]]
    return b"".join(np.asarray(leaf).tobytes() for leaf in (*leaves, *told))


def append(log, table):
    """The rows of an observation table into a log, in their order."""
    log.append(Batch(table[list(COLUMNS)].assign(**{OFFSET: range(len(table))})), "by hand")


@pytest.fixture(scope="session")
def deliveries(five):
    """Ten days of what arrived, with delays, duplicates and corrections."""
    table = five.observations
    return table[table["measured_at"] < table["measured_at"].min().normalize() + np.timedelta64(10, "D")]


@pytest.fixture(scope="session")
def begun(five_plan):
    """A twin before its first day, to be copied."""
    return Twin(five_plan)


def copy(begun):
    return Twin(begun.plan, start=begun.state)


@pytest.fixture(scope="session")
def expected(deliveries, begun, tmp_path_factory):
    """The twin that took everything in at once."""
    with EventLog(tmp_path_factory.mktemp("sorted") / "log") as log:
        append(log, deliveries)
        twin = copy(begun)
        twin.advance(log)
    assert twin.day == 9 and np.isfinite(twin.told[9].risk).all()
    return bits(twin)


@settings(max_examples=40 if os.environ.get("CLINICTWIN_FULL") else 6, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(seed=st.integers(0, 2**32 - 1), parts=st.integers(1, 6))
def test_order_splits_and_repetition_do_not_matter(seed, parts, deliveries, begun, expected, tmp_path_factory):
    rng = np.random.default_rng(seed)
    twin = copy(begun)
    shuffled = deliveries.iloc[rng.permutation(len(deliveries))]
    cuts = np.sort(rng.integers(0, len(shuffled), parts - 1))
    with EventLog(tmp_path_factory.mktemp("any") / "log") as log:
        for start, stop in zip([0, *cuts], [*cuts, len(shuffled)], strict=True):
            append(log, shuffled.iloc[max(start - rng.integers(0, 40), 0) : stop])  # some of them again
            twin.advance(log)
    assert bits(twin) == expected


def test_a_duplicate_runs_no_day_and_a_late_value_only_what_follows_it(deliveries, begun, tmp_path):
    with EventLog(tmp_path / "log") as log:
        append(log, deliveries.iloc[:-1])
        twin = copy(begun)
        assert twin.advance(log) == 10
        append(log, deliveries.iloc[:50].assign(received_at=deliveries["received_at"].max() + np.timedelta64(1, "h")))
        assert twin.advance(log) == 0
        late = deliveries[deliveries["measure"] == "ehr_minutes"].iloc[[-1]]
        append(log, late.assign(value=late["value"] + 9, received_at=log.observations()["received_at"].max()))
        assert 1 <= twin.advance(log) <= 4


def test_states_are_kept_at_ages_that_grow():
    days = {-1}
    for newest in range(2000):
        days = to_keep({*days, newest}, newest)
        if newest in (5, 77, 500, 1999):
            ages = sorted(newest - day for day in days if day >= 0)
            assert ages[:3] == [0, 1, 2] and len(days) < 4 * np.log2(newest + 2) + 4
            for late in range(1, newest):  # how far the twin goes back for a value that is so many days late
                assert min(newest - day for day in days if newest - day >= late) <= 2 * late + 1


def follow(folder, path, cache, begun):
    """What the child does: a twin on from where it is, everything written each day; it says when it begins to."""
    jax.config.update("jax_compilation_cache_dir", str(cache))
    twin_module.KEPT_EVERY_DAYS = 1
    with EventLog(path) as log:
        Twin.open(folder).advance(log, progress=lambda *_: begun.set())


def test_killed_at_random_moments_it_ends_where_an_undisturbed_one_ends(five_plan, deliveries, begun, expected,
                                                                        tmp_path):  # fmt: skip
    folder, path = tmp_path / "twin", tmp_path / "log"
    Store(folder).create(five_plan, begun.state, begun.noted)
    context = multiprocessing.get_context("spawn")
    rng = np.random.default_rng(2)
    half = len(deliveries) // 2
    with EventLog(path) as log:
        append(log, deliveries.iloc[half:])
    amid = []
    for kill in range(KILLS):
        if kill == KILLS // 2:
            with EventLog(path) as log:
                append(log, deliveries.iloc[:half])  # late: everything is run again
        working = context.Event()
        child = context.Process(target=follow, args=(folder, path, tmp_path / "cache", working))
        child.start()
        while child.is_alive() and not working.wait(0.05):
            pass
        time.sleep(rng.uniform(0, 0.4))
        child.kill()  # SIGKILL
        child.join()
        amid.append(child.exitcode == -signal.SIGKILL)
    assert any(amid), "no kill came amid the work"
    twin = Twin.open(folder)
    with EventLog(path) as log:
        twin.advance(log)
    assert bits(twin) == expected
    assert bits(Twin.open(folder)) == expected
