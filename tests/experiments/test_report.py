"""The report of a real sweep: its tables against pandas, its page against what a page may contain."""

import base64
import json
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
import xarray as xr
import yaml

from abm.parameters import save
from experiments.config import Experiment
from experiments.effects import BASELINE, ReportError
from experiments.outcome_groups import AIMS
from experiments.report import analyse, render, report_of, write_report
from experiments.report_fit import fit_section
from experiments.report_words import number, used_parameters
from experiments.results import ResultsError, open_results
from experiments.runner import run_sweep

HOSTILE = "</td><script>alert('x')</script><img src=https://example.org/a.png onerror=x> {{ 7*7 }} $\\frac{"
MOST_BYTES = 5_000_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A sweep of ten physicians, as `clinictwin sweep` and `clinictwin report` leave it."""
    folder = tmp_path_factory.mktemp("sweep")
    experiment = Experiment.model_validate({
        "name": "small", "description": "Do scribes or a pooled inbox help a small clinic?", "physicians": 10,
        "warm_up_days": 28, "days": 56, "period_days": 7, "replicates": 3, "seed": 11,
        "scenarios": [
            {"name": "scribe", "interventions": [{"kind": "scribe", "doses": [0.5, 1]}]},
            {"name": "inbox", "interventions": [{"kind": "inbox_pooling"}]},
        ],
    })  # fmt: skip
    run_sweep(experiment, folder, progress=False)
    write_report(folder)
    return folder


@pytest.fixture(scope="module")
def data(folder):
    return open_results(folder).load()


@pytest.fixture(scope="module")
def page(folder):
    return (folder / "report.html").read_text(encoding="utf-8")


class Page(HTMLParser):
    """Tags with their attributes, and the text that a reader sees."""

    def __init__(self, source):
        super().__init__()
        self.tags, self.text, self._open = [], [], []
        self.feed(source)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in ("meta", "img", "br", "wbr", "link", "input"):
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, text):
        if self._open and self._open[-1] not in ("style", "script"):
            self.text.append(text)

    def of(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]

    def words(self):
        return " ".join(" ".join(self.text).split())


def check_page(source):
    """What every page must be, whatever it is a report of."""
    page = Page(source)
    assert not page._open, "every element is closed"
    assert len(source.encode()) < MOST_BYTES
    loaded = [a[name] for _, a in page.tags for name in ("src", "srcset", "data", "poster", "action") if name in a]
    assert loaded and all(uri.startswith("data:image/") for uri in loaded)
    assert not [a for _, a in page.tags if "href" in a and not a["href"].startswith("#")]
    style = source[source.index("<style>") : source.index("</style>")]
    assert "url(" not in style and "@import" not in style
    forbidden = {"script", "link", "iframe", "object", "embed", "form", "base"}
    assert not forbidden & {tag for tag, _ in page.tags}
    assert not [name for _, a in page.tags for name in a if name.startswith("on")]
    policy = [a["content"] for a in page.of("meta") if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy == ["default-src 'none'; img-src data:; style-src 'unsafe-inline'"]
    assert all(a.get("alt", "").strip() for a in page.of("img"))
    ids = [a["id"] for _, a in page.tags if "id" in a]
    assert len(ids) == len(set(ids))
    assert {a["href"][1:] for a in page.of("a")} <= set(ids)
    assert len(page.of("table")) == len(page.of("caption"))
    assert all("scope" in a for a in page.of("th"))
    assert not re.search(r"\b(nan|inf|none)\b", page.words().replace("none of its own", ""), re.IGNORECASE)
    return page


def test_the_page_needs_nothing_else(page):
    parsed = check_page(page.replace("<dd>none</dd>", "<dd></dd>"))  # no parameter differs from its default
    words = parsed.words()
    warnings = ("must not be used to judge", "Only 3 replicates", "The run is short", "Money rests on assumptions",
                "knows of no fit", "vacancy lasts")  # fmt: skip
    for said in ("small", "Do scribes or a pooled inbox help", *warnings, *AIMS.values()):
        assert said in words, said


def test_outcome_table_equals_pandas(folder, data):
    """Prevalence, visits, WOW8 and net, once more from the stored values, with pandas alone."""
    table = pd.read_csv(folder / "tables" / "outcomes.csv").set_index(["measure", "scenario"])
    names = ["burned_out", "employed", "kept", "kept_by_float", "ehr_outside_scheduled_minutes", "scheduled_minutes",
             "visit_revenue", "turnover_cost"]  # fmt: skip
    rows = data[names].reset_coords(["yearly_cost"])[[*names, "yearly_cost"]].to_dataframe().reset_index()
    rows[names] = rows[names].astype(float)
    last = rows[rows["day"] >= 28].assign(weighted=lambda r: r["burned_out"] * r["employed"])  # half of 56 days
    keys = ["scenario", "replicate"]
    ends, all_days = last.groupby(keys), rows.groupby(keys)
    day_sum = lambda groups, name, days: groups[name].sum() / days  # noqa: E731
    expected = {
        "burned_out": 100 * ends["weighted"].sum() / ends["employed"].sum(),
        "visits_kept": 7 * (day_sum(ends, "kept", 4) + day_sum(ends, "kept_by_float", 4)),
        "work_outside_work_8": 480 * ends["ehr_outside_scheduled_minutes"].sum() / ends["scheduled_minutes"].sum(),
        "net": 365 / 1000 * (day_sum(all_days, "visit_revenue", 8) - day_sum(all_days, "turnover_cost", 8))
        - all_days["yearly_cost"].first() / 1000,
    }
    for measure, values in expected.items():
        wide = values.unstack("scenario")
        difference = wide.sub(wide[BASELINE], axis=0)
        for scenario in wide:
            got = table.loc[(measure, scenario)]
            assert got["level"] == pytest.approx(wide[scenario].mean())
            assert got["difference"] == pytest.approx(difference[scenario].mean(), abs=1e-9)
            half = 2.9199856 * difference[scenario].sem()  # Student's t, 95 %, two degrees of freedom
            assert (got["low"], got["high"]) == pytest.approx(
                (difference[scenario].mean() - half, difference[scenario].mean() + half), abs=1e-6
            )


def test_physicians_table_equals_pandas(folder, data):
    table = pd.read_csv(folder / "tables" / "physicians.csv").set_index(["scenario", "physician"])
    rows = data[["burnout_risk", "employed"]].isel(day=slice(-4, None)).to_dataframe().reset_index()
    rows["weighted"] = rows["burnout_risk"].astype(float) * rows["employed"]
    runs = rows.groupby(["scenario", "physician", "replicate"])[["weighted", "employed"]].sum()
    risk = 100 * runs["weighted"] / runs["employed"].where(runs["employed"] > 0)
    expected = risk.groupby(["scenario", "physician"]).mean()
    assert len(table) == 4 * 10
    pd.testing.assert_series_equal(table["risk"], expected.reindex(table.index), check_names=False)


def test_the_summary_says_what_the_table_holds(folder, page):
    words = Page(page).words().replace("\N{NO-BREAK SPACE}", " ")
    table = pd.read_csv(folder / "tables" / "outcomes.csv").query("measure == 'burned_out'").set_index("scenario")
    assert f"Without any change, {number(table.loc[BASELINE, 'level'])} % of the clinic's 10 physicians" in words
    for scenario, row in table.drop(BASELINE).iterrows():
        if row["verdict"] == "lower":
            text = f"{number(-row['difference'])} points lower (90 % interval {number(-row['high'])} to"
            assert f"With {scenario}, burnout prevalence is {text}" in words or f"also lower with {scenario}" in words
        elif row["verdict"] == "within noise":
            assert re.search(rf"Within noise[^.]*: [^:]*{scenario} \(", words)


def test_figures_and_tables_lie_beside_the_page(folder):
    for name in ("burnout_by_scenario", "dose_response", "over_time", "physicians", "who_gains", "trade_offs"):
        assert (folder / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert "<svg" in (folder / "figures" / f"{name}.svg").read_text(encoding="utf-8")
    tables = {path.stem for path in (folder / "tables").glob("*.csv")}
    assert {"scenarios", "outcomes", "over_time", "physicians", "physician_groups"} <= tables


def test_a_second_report_is_the_same_page_and_removes_what_it_no_longer_has(folder, data, tmp_path, page):
    report_of(data, tmp_path)
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == page
    report_of(data.sel(scenario=[BASELINE, "inbox"]), tmp_path)
    assert not (tmp_path / "figures" / "dose_response.svg").exists()
    assert (tmp_path / "figures" / "over_time.svg").exists()


def test_hostile_names_are_text(data, tmp_path):
    names = [BASELINE, HOSTILE, "scribe 1", "inbox"]
    hostile = data.assign_coords(scenario=names, family=("scenario", names))
    hostile.attrs |= {"title": HOSTILE, "description": HOSTILE, "config": HOSTILE, "provenance": {"x": HOSTILE}}
    source = report_of(hostile, tmp_path).read_text(encoding="utf-8")
    parsed = check_page(source.replace("<dd>none</dd>", "<dd></dd>"))
    assert " ".join(HOSTILE.split()) in parsed.words()
    assert pd.read_csv(tmp_path / "tables" / "outcomes.csv")["scenario"].isin(names).all()


@pytest.mark.parametrize("absent", ["burned_out", "burnout_risk", "visit_revenue"])
def test_outcomes_that_were_not_measured_are_said_to_be(data, tmp_path, absent):
    data = data.copy()
    data[absent] = xr.full_like(data[absent], np.nan)
    parsed = check_page(report_of(data, tmp_path).read_text(encoding="utf-8").replace("<dd>none</dd>", "<dd></dd>"))
    label = {"burned_out": "Burnout prevalence", "burnout_risk": "Burnout risk", "visit_revenue": "Income from visits"}
    assert re.search(rf"Not measured in these results: [^.]*{label[absent]}", parsed.words())


def words_without_figures(data):
    return Page(render(data, analyse(data), {}, None)).words()


def test_outcomes_that_are_not_stored_are_said_to_be(data):
    words = words_without_figures(data.drop_vars(["turnover_cost", "unmet_need"]))
    assert "Patients with unmet need, Cost of turnover" in words


def test_one_replicate_says_that_there_is_no_interval(data, tmp_path):
    source = report_of(data.isel(replicate=[0]), tmp_path).read_text(encoding="utf-8")
    words = check_page(source.replace("<dd>none</dd>", "<dd></dd>")).words()
    assert "One replicate: no interval can be given" in words
    assert "no interval" in words.split("Burnout by intervention Scenario")[1][:400]
    assert "interval includes no change" not in words


def test_baseline_alone_and_a_single_period(data, tmp_path):
    source = report_of(data.sel(scenario=[BASELINE]).isel(day=[0]), tmp_path).read_text(encoding="utf-8")
    words = check_page(source.replace("<dd>none</dd>", "<dd></dd>")).words()
    assert "the results hold the baseline alone" in words
    assert not (tmp_path / "figures" / "burnout_by_scenario.svg").exists()


def test_parameters_and_rollout_of_the_store_are_used_for_warnings(data):
    quick = {"exhaustion_days": 5, "cynicism_days": 7, "motivation_days": 5, "change_days": 7}
    brisk = data.copy()
    brisk.attrs["parameters"] = json.dumps({**json.loads(data.attrs["parameters"]), **quick})
    assert used_parameters(brisk).change_days == 7
    words = words_without_figures(brisk)
    assert "The run is short" not in words
    assert "change_days 7" in words
    config = yaml.safe_load(data.attrs["config"])
    config["scenarios"][0]["interventions"][0]["start_day"] = 40
    brisk.attrs["config"] = yaml.safe_dump(config)
    assert "The run is short" in words_without_figures(brisk)


@pytest.fixture
def fit(tmp_path, data):
    """A fit's folder with a population table and a risk table, and nothing else."""
    folder = tmp_path / "fit"
    (folder / "figures").mkdir(parents=True)
    pd.DataFrame([
        ["visit_minutes", "min", 17.2, 16.9, 17.5, 12.0, 23.0, 0.93, True],
        ["change_days", "day", 60.0, 20.0, 140.0, 19.0, 142.0, 0.02, False],
    ], columns=["name", "unit", "estimate", "low", "high", "prior_low", "prior_high", "contraction", "informed"],
    ).to_csv(folder / "table.csv", index=False)  # fmt: skip
    risk = pd.DataFrame({"who": ["physician-01", HOSTILE], "risk": [0.5, 0.25], "low": [0.4, 0.2], "high": [0.6, 0.3]})
    risk.to_csv(folder / "risk.csv", index=False)
    png = base64.b64decode(
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYGBgAAAABQABpfZFQAAAAABJRU5ErkJggg=="
    )
    (folder / "figures" / "recovery.png").write_bytes(png)  # one dot
    save(used_parameters(data), folder / "parameters.yaml")
    (folder / "fit.yaml").write_text("days: 182\ninterrupted: false\n", encoding="utf-8")
    return folder


def test_the_section_about_a_fit(data, fit, tmp_path):
    parsed = check_page(
        report_of(data, tmp_path, fit).read_text(encoding="utf-8").replace("<dd>none</dd>", "<dd></dd>")
    )
    words = parsed.words()
    assert "1 of 2 fitted parameters are informed" in words
    assert "Not in the fit's folder, so not shown: effects.csv." in words
    assert "50.0 40.0 to 60.0" in words  # risk in percent
    assert "knows of no fit" not in words and "did not use the parameters" not in words
    save(used_parameters(data).replace(visit_minutes=12.0), fit / "parameters.yaml")
    words = Page(render(data, analyse(data), {}, fit_section(fit))).words()
    assert "The runs did not use the parameters of the fit" in words
    assert " ".join(HOSTILE.split()) in words
    assert sum(a["src"].startswith("data:image/png") for a in parsed.of("img")) == 1
    assert (tmp_path / "tables" / "fit_risk.csv").is_file()


def test_fits_and_results_that_are_none_are_refused(data, fit, tmp_path):
    (fit / "table.csv").write_text("name,value\nx,1\n", encoding="utf-8")
    with pytest.raises(ReportError, match=r"table\.csv: met no column unit"):
        report_of(data, tmp_path, fit)
    with pytest.raises(ReportError, match="met no folder"):
        report_of(data, tmp_path, tmp_path / "nowhere")
    with pytest.raises(ResultsError, match="clinictwin sweep"):
        write_report(tmp_path)
    assert not (tmp_path / "report.html").exists()


def test_groups_of_too_few_real_people_are_not_compared(data, fit, tmp_path):
    few = data.assign_coords(fte=("physician", [0.5] * 3 + [1.0] * 7))
    assert not analyse(few).groups.empty  # of a scenario's people
    assert not analyse(few, 3).groups.empty
    assert analyse(few, 4).groups.empty
    effects = [("physician-01", "pace", 0.1, 0.5, i < 2) for i in range(10)]
    columns = ["who", "effect", "estimate", "standard_error", "informed"]
    pd.DataFrame(effects, columns=columns).to_csv(fit / "effects.csv", index=False)
    words = Page(report_of(few, tmp_path, fit, smallest_cell=4).read_text(encoding="utf-8")).words()
    assert "pace not shown (too few)" in words and "Gap: part minus full time" not in words
    words = Page(report_of(few, tmp_path, fit, smallest_cell=2).read_text(encoding="utf-8")).words()
    assert "pace 20 %" in words and "Gap: part minus full time" in words
