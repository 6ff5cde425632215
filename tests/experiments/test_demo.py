"""The end-to-end story, small: a hidden clinic is observed, fitted, swept and reported, all from one command."""

import pandas as pd
import pytest
from rich.console import Console

from abm.parameters import load
from calibration.fit import FITTED
from experiments.config import Experiment
from experiments.demo import DemoSize, run_demo
from experiments.results import open_results

EXPERIMENT = Experiment.model_validate({
    "name": "small", "description": "Do scribes help?", "physicians": 10, "warm_up_days": "8 weeks",
    "days": "16 weeks", "replicates": 4, "seed": 1,
    "scenarios": [{"name": "scribe", "interventions": [{"kind": "scribe"}]}],
})  # fmt: skip
SMALL = DemoSize(physicians=10, days=84, starts=1, experiment=EXPERIMENT)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo") / "demo-output"
    console = Console(record=True, width=200)
    page = run_demo(folder, progress=False, console=console, size=SMALL)
    return folder, page, console.export_text()


def test_the_demo_ends_with_where_the_report_lies_and_what_to_type_next(finished):
    folder, page, said = finished
    assert page == folder / "sweep" / "report.html" and page.is_file()
    assert str(page) in said and "clinictwin fit" in said and "clinictwin sweep" in said
    text = page.read_text(encoding="utf-8")
    assert "Do scribes help?" in text and "drawn from the fit" in text
    assert "http://" not in text.replace("http://www.w3.org", "") and "https://" not in text


def test_what_it_fitted_is_near_the_hidden_clinic(finished):
    folder, _, _ = finished
    table = pd.read_csv(folder / "fit" / "table.csv").set_index("name")
    assert set(table.index) <= set(FITTED) and table["informed"].sum() >= 8
    assert (table["low"] <= table["estimate"]).all() and (table["estimate"] <= table["high"]).all()
    assert load(folder / "fit" / "parameters.yaml").visit_minutes == pytest.approx(table["estimate"]["visit_minutes"])
    for picture in ("recovery.png", "parameters.png"):
        assert (folder / "fit" / "figures" / picture).stat().st_size > 10_000


def test_the_sweep_simulated_the_fitted_clinics(finished):
    folder, _, _ = finished
    data = open_results(folder / "sweep")
    assert data.attrs["clinics"] == 4
    evening = data["evening_minutes"].mean(["day", "physician", "replicate"])
    assert float(evening.sel(scenario="scribe")) < 0.9 * float(evening.sel(scenario="baseline"))


def test_it_is_run_again_in_its_own_folder_only(finished, tmp_path):
    folder, _, _ = finished
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(ValueError, match="met a folder with other files in it"):
        run_demo(tmp_path, progress=False, size=SMALL)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
    (folder / "my-notes.txt").write_text("mine")
    from experiments.demo import _prepare

    _prepare(folder)
    assert (folder / "my-notes.txt").read_text() == "mine" and not (folder / "sweep").exists()
