"""The parameter table: it loads and saves without loss, and refuses what it should, saying where and what to do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from abm.parameters import (
    ENTRIES,
    NAMES,
    ParameterError,
    Parameters,
    check,
    from_mapping,
    from_unbounded,
    load,
    save,
    table,
    to_unbounded,
)

one_entry = st.sampled_from(list(ENTRIES.values()))
all_values = st.fixed_dictionaries({e.name: st.floats(e.low, e.high) for e in ENTRIES.values()})


@given(all_values)
def test_yaml_round_trip_keeps_every_bit(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("parameters") / "clinic.yaml"
    save(Parameters(**values), path)
    assert load(path) == Parameters(**values)


def test_a_file_names_only_what_differs_and_may_state_units(tmp_path):
    path = tmp_path / "clinic.yaml"
    path.write_text("visit_minutes: 21 min\nhire_days: {value: 90, unit: day}\ntrust: 0.25\n")
    assert load(path) == Parameters(visit_minutes=21.0, hire_days=90.0, trust=0.25)
    path.write_text("")
    assert load(path) == Parameters()


@given(one_entry, st.floats(1e-6, 1e6), st.booleans())
def test_a_value_beyond_its_bounds_is_refused_with_both_bounds(entry, excess, above):
    value = entry.high + excess if above else entry.low - excess
    with pytest.raises(ParameterError) as refusal:
        from_mapping({entry.name: value}, where="clinic.yaml: ")
    message = str(refusal.value)
    assert message.startswith(f"clinic.yaml: {entry.name}: met ")
    assert f"between {entry.low:g} and {entry.high:g} {entry.unit}" in message


@pytest.mark.parametrize("value", [float("nan"), float("inf"), True, None, "fast", [3.0], {"minutes": 3}])
def test_what_is_no_finite_number_is_refused(value):
    with pytest.raises(ParameterError, match=r"visit_minutes: met .*expected"):
        from_mapping({"visit_minutes": value})


@given(one_entry, st.data())
def test_a_misspelt_name_is_refused_with_the_nearest_right_one(entry, data):
    at = data.draw(st.integers(1, len(entry.name) - 1))
    typed = entry.name[:at] + entry.name[at + 1 :]  # one letter is missing
    if typed in NAMES:
        return
    as_near = [name for name in NAMES if any(name[:k] + name[k + 1 :] == typed for k in range(len(name)))]
    right = f"did you mean '({'|'.join(as_near)})'"
    with pytest.raises(ParameterError, match=f"unknown parameter.*{right}"):
        from_mapping({typed: entry.default})
    with pytest.raises(ParameterError, match=right):
        Parameters().replace(**{typed: entry.default})


@given(one_entry, st.sampled_from(["s", "min", "h", "day", "1/day", "USD", "1", "percent"]))
def test_a_wrong_unit_is_refused_and_the_right_one_taken(entry, unit):
    if unit == entry.unit:
        assert check(entry.name, entry.default, unit) == entry.default
        return
    for value in ({"value": entry.default, "unit": unit}, f"{entry.default} {unit}"):
        with pytest.raises(ParameterError, match=f"{entry.name}: met unit '{unit}', expected '{entry.unit}'"):
            from_mapping({entry.name: value})


@pytest.mark.parametrize(("text", "says"), [("- 1\n- 2\n", "met a list"), ("a: [", "not readable as YAML")])
def test_a_file_that_is_no_mapping_is_refused_by_its_name(tmp_path, text, says):
    path = tmp_path / "wrong.yaml"
    path.write_text(text)
    with pytest.raises(ParameterError, match=says) as refusal:
        load(path)
    assert str(path) in str(refusal.value)


@given(one_entry, st.floats(0.001, 0.999))
def test_the_unbounded_scale_is_invertible(entry, share):
    value = entry.low + share * (entry.high - entry.low)
    back = from_unbounded(to_unbounded(value, entry), entry)
    assert back == pytest.approx(value, abs=1e-9 * (entry.high - entry.low))


def test_the_table_is_complete():
    rows = table()
    assert list(rows["name"]) == list(NAMES)
    for entry in ENTRIES.values():
        assert entry.low < entry.default < entry.high, entry.name
        assert entry.meaning and entry.unit and entry.source, entry.name
        assert entry.prior_spread > 0, entry.name
        assert set(entry.streams) <= {"ehr", "schedule", "wearable", "roster", "survey"}, entry.name
        assert all(entry.without_effect_on.values()), entry.name
