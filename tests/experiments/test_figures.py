"""The figures show what their tables say, whatever the names, and draw nothing where there is nothing."""

import io
import itertools
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_hex

from experiments import figures
from experiments.effects import BASELINE, LOWER, NOISE

HOSTILE = r"</svg><script>alert(1)</script> $\frac{a}{$ & 'q' -- " + "long " * 20 + "\n\t\x07"


def frame(names=("scribe 0.5", "scribe 1", "inbox")):
    """Differences of three scenarios in two families, and the baseline's."""
    return pd.DataFrame({
        "scenario": [BASELINE, *names], "family": [BASELINE, "scribe", "scribe", "inbox"],
        "kind": ["", "scribe", "scribe", "inbox_pooling"], "dose": [0.0, 0.5, 1.0, 1.0],
        "difference": [0.0, -4.0, -9.0, -1.0], "low": [0.0, -5.0, -11.0, -3.0], "high": [0.0, -3.0, -7.0, 1.0],
        "verdict": ["", LOWER, LOWER, NOISE],
    })  # fmt: skip


def draw(figure):
    """The figure as SVG text; matplotlib's complaints are errors."""
    out = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        figure.savefig(out, format="svg")
    return out.getvalue().decode("utf-8")


def test_forest_plot_marks_what_the_table_says():
    table = frame()
    with figures.house_style():
        figure = figures.differences({"Prevalence": table}, figures.looks(table), "points")
        draw(figure)
    ax = figure.axes[0]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["scribe 1", "scribe 0.5", "inbox"]  # best first
    marks = [container.lines[0] for container in ax.containers]
    assert [m.get_xdata()[0] for m in marks] == [-9.0, -4.0, -1.0]
    assert [to_hex(m.get_markerfacecolor()) == "#ffffff" for m in marks] == [False, False, True]  # hollow: within noise
    ends = [container.lines[2][0].get_segments()[0][:, 0] for container in ax.containers]
    assert np.allclose(ends, [[-11, -7], [-5, -3], [-3, 1]])


def test_dose_response_is_drawn_for_families_of_several_doses_only():
    table = frame()
    with figures.house_style():
        figure = figures.dose_response(table, figures.looks(table), "points")
        assert [ax.get_title(loc="left") for ax in figure.axes] == ["scribe"]
        assert list(figure.axes[0].lines[0].get_xdata()) == [0.0, 0.5, 1.0]
        assert "share of visits" in figure.axes[0].get_xlabel()
        assert figures.dose_response(table[table["scenario"] != "scribe 1"], figures.looks(table), "points") is None


def test_looks_tell_families_apart_and_keep_doses_together():
    facts = pd.DataFrame({"scenario": [BASELINE, *map(str, range(60))],
                          "family": [BASELINE, *(str(i // 2) for i in range(60))]})  # fmt: skip
    looks = figures.looks(facts)
    assert all(looks[str(i)] == looks[str(i + 1)] for i in range(0, 60, 2))
    assert len(set(looks.values())) == 31


@given(
    st.lists(st.floats(-50, 50), max_size=12).map(sorted), st.floats(0.1, 5.0), st.floats(-60, 0), st.floats(70, 200)
)
def test_labels_are_moved_apart_and_stay_inside(wanted, gap, low, high):
    places = figures.spread(wanted, gap, low, high)
    assert len(places) == len(wanted)
    assert all(b - a >= gap - 1e-9 for a, b in itertools.pairwise(places))
    assert all(low - 1e-9 <= p <= high + 1e-9 for p in places)
    if all(b - a >= gap for a, b in itertools.pairwise(wanted)) and all(low <= w <= high for w in wanted):
        assert places == pytest.approx(wanted, abs=1e-6)


def test_hostile_names_are_drawn_as_text():
    table = frame(("a$b$", HOSTILE, "inbox"))
    with figures.house_style():
        svg = draw(figures.differences({"Prevalence": table}, figures.looks(table), "points"))
    assert "<script" not in svg
    short = figures.short(HOSTILE)
    assert len(short) <= figures.LABEL_CHARACTERS and short.isprintable() and short.endswith("long long")
    long = [figures.short(f"a name that is longer than a figure has room for {dose}") for dose in ("0.5", "1")]
    assert long[0] != long[1]


def test_panels_over_time_and_labels_hold_the_lines_ends():
    weeks = np.array([2.0, 6.0, 10.0])
    rows = [
        {"scenario": s, "outcome": o, "week": w, "mean": level + w, "low": np.nan, "high": np.nan}
        for s, level in ((BASELINE, 50), ("scribe 1", 40), ("inbox", 45))
        for o in ("burned_out", "exhaustion")
        for w in weeks
    ]
    table = frame()
    titles = {"burned_out": ("Prevalence", "%"), "exhaustion": ("Exhaustion", "0 to 100"), "absent": ("Absent", "1")}
    with figures.house_style():
        figure = figures.over_time(pd.DataFrame(rows), figures.looks(table), ["scribe 1"], titles)
        draw(figure)
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["Prevalence", "Exhaustion"]
    texts = {t.get_text(): t.xy for t in figure.axes[0].texts}
    assert texts == {BASELINE: (10.0, 60.0), "scribe 1": (10.0, 50.0)}  # the third is grey and has no name


def test_at_most_six_families_are_drawn_in_colour_by_size_of_effect():
    names = [f"s{i}" for i in range(9)]
    facts = pd.DataFrame({"scenario": [BASELINE, *names], "family": [BASELINE, *"aabcdefgh"]})
    ranking = pd.DataFrame({"scenario": [BASELINE, *names], "difference": [0, -1, -9, 8, -7, 6, -5, 4, -3, np.nan]})
    assert figures.lines_in_colour(facts, ranking) == ["s1", "s2", "s3", "s4", "s5", "s6"]
