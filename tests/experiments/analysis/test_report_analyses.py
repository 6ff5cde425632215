"""A sweep's report shows what it is worth, who gains, and the analyses in folders inside the sweep's."""

import pandas as pd
from matplotlib.figure import Figure

from experiments.analysis.pages import Section, write_analysis
from experiments.effects import BASELINE
from experiments.page import Drawn
from experiments.report import report_of
from experiments.report_tables import Cell, Table
from tests.experiments.test_effects import clinic


def test_analyses_beside_the_results_have_sections(tmp_path):
    inner = tmp_path / "what matters"
    inner.mkdir()
    table = Table("Known table", ("Parameter", "Index"), [[Cell("trust", "<b>bold</b>"), Cell("0.50")]], "known")
    section = Section("sensitivity", "What matters here", "How it was done.", ["One sentence & more."], [table])
    drawn = {"known_figure": Drawn(Figure(figsize=(3, 2)), "An empty figure.", "A caption.")}
    write_analysis(inner, section, {"known": pd.DataFrame({"trust": [0.5]})}, drawn, {"seed": 1})
    page = report_of(clinic((BASELINE, "help"), replicates=3), tmp_path).read_text(encoding="utf-8")
    for expected in ('<a href="#analysis-0">What matters here</a>', "One sentence &amp; more.", "&lt;b&gt;bold",
                     'alt="An empty figure."', "what matters/tables/known.csv", "what matters/figures/known_figure.svg",
                     'id="worth"', "Who gains and who loses with help"):  # fmt: skip
        assert expected in page
    assert {"worth.csv", "who_gains_groups.csv"} <= {path.name for path in (tmp_path / "tables").iterdir()}
    # without the folder the section goes, as what a report no longer has does
    for path in sorted(inner.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    assert "What matters here" not in report_of(clinic((BASELINE, "help"), replicates=3), tmp_path).read_text()
