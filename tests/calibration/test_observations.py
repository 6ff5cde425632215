"""The observation table: what simulated clinics write is read back as the truth; anything else is refused by line."""

import dataclasses
import datetime as dt
import itertools
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.layout import make_layout
from abm.outcomes import RECORDED, to_dataset
from abm.parameters import Parameters
from abm.population import simulate
from calibration.measures import MEASURES, STREAMS, Kind, expected_value
from calibration.observations import (
    COLUMNS,
    ObservationError,
    first_monday,
    person_ids,
    read_observations,
    to_array,
    validate,
    write_observations,
)
from calibration.observing import Faults, ObservationPlan, observe, observe_with_truth

DAYS = 112
FAULTLESS = Faults(0, 0, 1, 1, 0, 0, 0, 0)
PERFECT = ObservationPlan(
    **{stream: FAULTLESS for stream in STREAMS},
    wearable_share=1, failing_sensor_share=0, survey_days=28, survey_response_share=1,
)  # fmt: skip
# many leave and are hired, so that posts change hands within the run
RESTLESS = Parameters().replace(leaving_per_year=0.5, hire_days=20.0)


@pytest.fixture(scope="module")
def clinic():
    layout = make_layout(20, seed=4)
    data = to_dataset(simulate(RESTLESS, DAYS, 20260503, layout=layout).physicians, layout)
    assert data["hired"].sum() >= 2
    return layout, data


def arrays(clinic, plan, seed=1):
    layout, data = clinic
    table, _ = validate(observe(data, layout, RESTLESS, seed, plan))
    return to_array(table, layout, DAYS, plan.first_day, timezone=plan.timezone, qualities=("good", "suspect"))


# A clinic far from Greenwich: its evening is the next day in UTC, and summer time starts within the run.
@pytest.mark.parametrize("timezone", ["UTC", "America/New_York", "Pacific/Auckland"])
def test_perfect_instruments_show_the_clinic_as_it_is(clinic, timezone):
    data = clinic[1]
    observed = arrays(clinic, dataclasses.replace(PERFECT, timezone=timezone))
    employed, on_duty = data["employed"].values > 0.5, data["on_duty"].values > 0.5
    for measure in MEASURES.values():
        seen = np.isfinite(observed[measure.name])
        assert seen.any(), measure.name
        if measure.kind in (Kind.COUNT, Kind.EXACT):
            truth = expected_value(measure, data, np).values
            np.testing.assert_array_equal(observed[measure.name][seen], truth[seen], err_msg=measure.name)
    np.testing.assert_array_equal(np.isfinite(observed["ehr_minutes"]), on_duty)
    np.testing.assert_array_equal(np.isfinite(observed["sleep_minutes"]), employed)
    level = observed["burnout_level"]
    answered = np.isfinite(level)
    assert answered.sum() == (on_duty.reshape(-1, 28, 20).any(axis=1)).sum()
    np.testing.assert_array_equal(level[answered] >= 3, data["burned_out"].values[answered] > 0.5)
    assert len(np.unique(level[answered])) >= 4


def test_noise_is_what_the_registry_says(clinic):
    """Residuals over their stated spread have mean 0 and spread 1 (5 standard errors: false alarm below 1e-5)."""
    layout, data = clinic
    observed = arrays(clinic, PERFECT)
    truth = observe_with_truth(data, layout, RESTLESS, 1, PERFECT)
    hired = data["hired"].values
    holder = np.minimum(np.cumsum(hired, axis=0) - hired, 2).astype(int)
    for measure in MEASURES.values():
        if measure.kind not in (Kind.LOGNORMAL, Kind.NORMAL):
            continue
        own = truth.baselines[measure.name][holder, np.arange(20)] if measure.personal else None
        expected = np.asarray(expected_value(measure, {n: data[n].values for n in RECORDED}, np, own))
        value = observed[measure.name]
        # rounding must not matter, and values must not pile up at a bound of the scale
        ok = np.isfinite(value) & (expected > 4 * max(measure.step, measure.noise)) & (expected < measure.high * 0.8)
        if measure.kind is Kind.LOGNORMAL:
            z = np.log(value[ok] / expected[ok]) / measure.noise
            rounding = np.mean((measure.step / expected[ok] / measure.noise) ** 2) / 12
        else:
            z = (value[ok] - expected[ok]) / measure.noise
            rounding = (measure.step / measure.noise) ** 2 / 12
        n = ok.sum()
        assert n > 40, measure.name
        assert abs(z.mean()) < 5 / np.sqrt(n) * np.sqrt(1 + rounding) + 0.01, measure.name
        assert abs(z.std() - np.sqrt(1 + rounding)) < 5 / np.sqrt(2 * n) + 0.01, measure.name


def test_deliveries_late_double_and_wrong_at_first_leave_the_truth(clinic, tmp_path):
    layout, data = clinic
    messy = Faults(0, 0, 1, 3, 0.3, 5, duplicate_share=0.2, correction_share=0.3)
    plan = dataclasses.replace(PERFECT, **{stream: messy for stream in STREAMS})
    table = observe(data, layout, RESTLESS, 1, plan)
    assert table["received_at"].is_monotonic_increasing
    assert not table["measured_at"].is_monotonic_increasing
    clean = arrays(clinic, PERFECT)
    results = []
    for name in ("observations.csv", "observations.ndjson"):
        write_observations(table, tmp_path / name)
        read, summary = read_observations(tmp_path / name, now=dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
        results.append(read)
        total = summary.total
        assert total.read == len(table) == total.kept + total.duplicates + total.corrected
        assert total.kept == len(read) == sum(np.isfinite(v).sum() for v in clean.values())
        assert min(total.duplicates, total.corrected) > 0.1 * total.kept
        assert set(summary.streams) == set(STREAMS)
        found = to_array(read, layout, DAYS, first_monday(read))
        for measure in ("booked_count", "kept_count", "no_show_count", "message_count", "absent", "burnout_level"):
            np.testing.assert_array_equal(found[measure], clean[measure], err_msg=measure)
    pd.testing.assert_frame_equal(*results)


def test_failed_sensors_are_as_told(clinic):
    layout, data = clinic
    plan = dataclasses.replace(PERFECT, streams=("wearable",), failing_sensor_share=0.9)
    seen = observe_with_truth(data, layout, RESTLESS, 3, plan)
    good = to_array(seen.observations, layout, DAYS, plan.first_day)
    whatever = to_array(seen.observations, layout, DAYS, plan.first_day, qualities=("good", "suspect"))
    assert {tuple(row) for row in seen.failed_sensors[["kind", "quality"]].values} == {
        (kind, quality) for kind in ("stuck", "dead") for quality in ("good", "suspect")
    }
    for _, sensor in seen.failed_sensors.iterrows():
        i, after = person_ids(20).index(sensor["who"]), slice(sensor["day"], None)
        assert np.isnan(good["steps"][after, i]).all() == (sensor["quality"] == "suspect")
        if sensor["kind"] == "dead":
            assert np.nanmax(whatever["steps"][after, i], initial=0) == 0
            assert np.isnan(whatever["resting_heart_rate"][after, i]).all()
        else:
            held = data["employed"].values[after, i] > 0.5
            assert len(np.unique(whatever["resting_heart_rate"][after, i][held])) == 1
        assert len(np.unique(whatever["steps"][: sensor["day"], i])) >= min(sensor["day"], 2)


def test_rates_of_faults(clinic):
    """Missing values and unanswered surveys come at the planned rates (5 standard errors: below 1e-6 each)."""
    plan = dataclasses.replace(
        PERFECT, ehr=dataclasses.replace(FAULTLESS, missing_share=0.2), survey_days=7, survey_response_share=0.6,
        schedule=dataclasses.replace(FAULTLESS, gap_per_day=0.05, gap_days=4),
    )  # fmt: skip
    found, whole = arrays(clinic, plan), arrays(clinic, dataclasses.replace(PERFECT, survey_days=7))

    def share(name):
        n = np.isfinite(whole[name]).sum()
        return np.isfinite(found[name]).sum() / n, n

    for name, expected in (("message_count", 0.8), ("burnout_level", 0.6)):
        kept, n = share(name)
        assert abs(kept - expected) < 5 * np.sqrt(expected * (1 - expected) / n), name
    # gaps: 0.05 / (0.05 + 1/4) silent in the long run; days of one gap are correlated, about 8 days count as one
    kept, n = share("third_next_available_days")
    assert abs(kept - 5 / 6) < 5 * np.sqrt(5 / 36 / (n / 8))


def test_equal_seeds_give_equal_tables_and_streams_do_not_disturb_each_other(clinic):
    layout, data = clinic
    plan = ObservationPlan()
    one, again = (observe(data, layout, RESTLESS, 5, plan) for _ in range(2))
    pd.testing.assert_frame_equal(one, again)
    assert not one.equals(observe(data, layout, RESTLESS, 6, plan))
    alone = observe(data, layout, RESTLESS, 5, dataclasses.replace(plan, streams=("wearable",)))
    pd.testing.assert_frame_equal(one[one["stream"] == "wearable"].reset_index(drop=True), alone)


def test_only_a_daily_run_of_this_clinic_in_the_exact_mode_is_observed(clinic):
    layout, data = clinic
    with pytest.raises(ValueError, match=r"shape \(112, 20\), expected \(days, 10\)"):
        observe(data, make_layout(10), RESTLESS, 1)
    with pytest.raises(ValueError, match="7 days, expected period_days=1"):
        observe(data.assign_attrs(period_days=7), layout, RESTLESS, 1)
    with pytest.raises(ValueError, match="exact mode"):
        observe(data.assign(employed=data["employed"] * 0.5), layout, RESTLESS, 1)
    with pytest.raises(ValueError, match=r"late_share: met 1\.5"):
        Faults(late_share=1.5)


GOOD = {
    "who": "physician-001", "stream": "ehr", "measure": "note_minutes", "measured_at": "2024-01-01T23:30:00Z",
    "received_at": "2024-01-02T02:00:00+00:00", "value": "84", "unit": "min", "quality": "good",
}  # fmt: skip


def csv_file(folder, rows, columns=COLUMNS):
    path = folder / "clinic.csv"
    path.write_text("\n".join([",".join(columns), *(",".join(row[c] for c in columns) for row in rows)]) + "\n")
    return path


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"measure": "note_minuts"}, "measure: met 'note_minuts', which is no measure; did you mean 'note_minutes'?"),
        ({"stream": "her"}, "stream: met 'her', expected one of ehr, schedule, wearable, roster, survey; "
                            "did you mean 'ehr'?"),
        ({"stream": "survey"}, "measure: met 'note_minutes' in stream 'survey', expected stream 'ehr'"),
        ({"unit": "h"}, "unit: met 'h' of note_minutes, expected 'min'"),
        ({"value": "1441"}, "value: met 1441 of note_minutes, expected 0 to 1440"),
        ({"value": "nan"}, "value: met 'nan', expected a finite number"),
        ({"value": ""}, "value: met '', expected a finite number"),
        ({"measure": "message_count", "unit": "1", "value": "2.5"},
         "value: met 2.5 of message_count, expected a whole number"),
        ({"quality": "bad"}, "quality: met 'bad', expected one of good, suspect, failed"),
        ({"who": ""}, "who: met '', expected a text such as 'physician-007'"),
        ({"measured_at": "2024-01-01T23:30:00"}, "measured_at: met '2024-01-01T23:30:00' without a timezone"),
        ({"measured_at": "2024-01-01"}, "measured_at: met '2024-01-01' without a timezone"),
        ({"received_at": "yesterday"}, "received_at: met 'yesterday', expected an instant"),
        ({"received_at": "2024-01-01T23:29:59Z"}, "received_at: met 2024-01-01T23:29:59Z, before it was measured"),
        ({"received_at": "2031-01-02T02:00:00Z"}, "received_at: met 2031-01-02T02:00:00Z, in the future"),
    ],
)  # fmt: skip
def test_a_wrong_row_is_refused_by_file_and_line(tmp_path, change, message):
    path = csv_file(tmp_path, [GOOD, GOOD | change, GOOD | {"who": "physician-002"}])
    with pytest.raises(ObservationError) as refusal:
        read_observations(path, now=dt.datetime(2030, 1, 1, tzinfo=dt.UTC))
    head, problem = str(refusal.value).splitlines()
    assert head == f"{path}: 1 problem; nothing was read"
    assert problem.startswith(f"{path}: line 3: {message}")


def test_the_first_ten_problems_and_the_total_are_reported_in_order_of_lines(tmp_path):
    path = csv_file(tmp_path, [GOOD | {"unit": "h", "who": f"p{i}"} for i in range(30)] + [GOOD | {"value": "-1"}])
    with pytest.raises(ObservationError) as refusal:
        read_observations(path)
    lines = str(refusal.value).splitlines()
    assert lines[0].endswith("31 problems; nothing was read")
    assert [int(re.search(r"line (\d+):", line)[1]) for line in lines[1:-1]] == list(range(2, 12))
    assert lines[-1] == "... and 21 more"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("clinic.csv", "", "clinic.csv: the file holds no observations"),
        ("clinic.csv", ",".join(COLUMNS), "clinic.csv: the file holds no observations"),
        ("clinic.ndjson", "\n\n", "clinic.ndjson: the file holds no observations"),
        ("clinic.csv", "who,stream,mesure\n", "line 1: unknown column 'mesure'; did you mean 'measure'?"),
        ("clinic.csv", ",".join(COLUMNS[:-1]) + "\n", "line 1: no column 'quality'"),
        ("clinic.csv", ",".join([*COLUMNS, "who"]) + "\n", "line 1: more than one column 'who'"),
        ("clinic.csv", ",".join(COLUMNS) + "\n\na,b\n", "line 3: met 2 fields, expected the header's 8"),
        ("clinic.csv", ",".join(COLUMNS) + '\n"a"b,c\n', "line 2: not readable as CSV"),
        ("clinic.ndjson", "\n{nonsense}\n", "line 2: not readable as JSON"),
        ("clinic.ndjson", "[1]\n", "line 1: met a JSON list, expected an object"),
        ("clinic.ndjson", '{"who": "a"}\n', "line 1: no column 'stream'"),
        ("clinic.xlsx", "", "met the ending '.xlsx', expected .csv, .ndjson or .jsonl"),
    ],
)
def test_what_is_no_table_of_observations_is_refused(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(ObservationError) as refusal:
        read_observations(path)
    assert message in str(refusal.value)


def test_values_of_other_json_types_are_refused(tmp_path):
    path = tmp_path / "clinic.ndjson"
    for value, met in (("true", "True"), ("null", "None"), ("NaN", "nan"), ("[1]", r"\[1\]"), ('"x"', "'x'")):
        times = '"measured_at":"2024-01-01T07:00Z","received_at":"2024-01-01T08:00Z"'
        path.write_text(f'{{"who":"a","stream":"roster","measure":"absent",{times},'
                        f'"value":{value},"unit":"1","quality":"good"}}\n')  # fmt: skip
        with pytest.raises(ObservationError, match=f"line 1: value: met {met}, expected a finite number"):
            read_observations(path)


def test_a_failed_sensor_may_report_the_impossible_and_lines_count_as_in_an_editor(tmp_path):
    pulse = {"stream": "wearable", "measure": "resting_heart_rate", "unit": "1/min", "value": "0"}
    path = csv_file(tmp_path, [GOOD, GOOD | pulse | {"quality": "failed"}])
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())  # as spreadsheets write it
    table, summary = read_observations(path)
    assert summary.streams["wearable"].failed == 1
    assert table["value"].tolist() == [84.0, 0.0]
    path.write_text(path.read_text(encoding="utf-8-sig") + '"two\nlines",a\n')
    with pytest.raises(ObservationError, match="line 4: met 2 fields"):
        read_observations(path)


deliveries = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 2), st.sampled_from(["good", "suspect"])), min_size=1, max_size=8
)


@settings(max_examples=60, deadline=None)
@given(deliveries, st.randoms(use_true_random=False))
def test_the_value_received_last_wins_in_whatever_order_the_file_lists_them(sent, random):
    """``sent``: (person, value, quality), delivered one hour after the other."""
    measured = pd.Timestamp("2024-01-01T23:30Z")
    rows = [
        GOOD | {"who": f"p{who}", "value": value, "quality": quality, "measured_at": measured,
                "received_at": measured + pd.Timedelta(hours=hour)}
        for hour, (who, value, quality) in enumerate(sent)
    ]  # fmt: skip
    last = {row["who"]: (row["value"], row["quality"]) for row in rows}
    changes = {who: [r for r in rows if r["who"] == who] for who in last}
    corrections = sum(
        (a["value"], a["quality"]) != (b["value"], b["quality"])
        for own in changes.values() for a, b in itertools.pairwise(own)
    )  # fmt: skip
    random.shuffle(rows)
    table, summary = validate(pd.DataFrame(rows))
    assert {row.who: (row.value, row.quality) for row in table.itertuples()} == last
    counts = summary.total
    assert (counts.read, counts.kept, counts.corrected) == (len(sent), len(last), corrections)
    assert counts.duplicates == len(sent) - len(last) - corrections


def test_arrays_refuse_strangers_other_weekdays_and_a_wrong_time_zone(clinic):
    layout, data = clinic
    table, _ = validate(observe(data, layout, RESTLESS, 1, dataclasses.replace(PERFECT, timezone="Asia/Tokyo")))
    with pytest.raises(ObservationError, match=r"who: met 'physician-01.', expected one of the 10 physicians"):
        to_array(table, person_ids(10), DAYS, dt.date(2024, 1, 1), timezone="Asia/Tokyo")
    with pytest.raises(ValueError, match="met Tuesday 2024-01-02, expected a Monday"):
        to_array(table, layout, DAYS, dt.date(2024, 1, 2))
    one = table.iloc[:1]
    twice = pd.concat([one, one.assign(measured_at=one["measured_at"] + pd.Timedelta(minutes=9))])
    with pytest.raises(ObservationError, match=r"more than one value of .* in Asia/Tokyo, expected one a day"):
        to_array(twice, layout, DAYS, dt.date(2024, 1, 1), timezone="Asia/Tokyo")


def test_naive_tables_and_clocks_are_refused(tmp_path):
    rows = pd.DataFrame([GOOD | {"value": 1.0}])
    naive = rows.assign(measured_at=pd.to_datetime(["2024-01-01 07:00"]))
    with pytest.raises(ObservationError, match=r"row 0: measured_at: met '2024-01-01.* without a timezone"):
        validate(naive)
    with pytest.raises(ObservationError, match="expected times with a timezone"):
        write_observations(naive, tmp_path / "x.csv")
    with pytest.raises(ValueError, match="now: met 2030-01-01 00:00:00 without a timezone"):
        validate(rows, now=dt.datetime(2030, 1, 1))


def test_the_registry_names_outcomes_that_exist():
    for name, measure in MEASURES.items():
        assert name == measure.name
        assert measure.stream in STREAMS
        assert set(measure.outcomes) <= set(RECORDED), name
        assert measure.low < measure.high
        assert (measure.noise > 0) == (measure.kind in (Kind.LOGNORMAL, Kind.NORMAL)), name
