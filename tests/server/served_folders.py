"""Small folders for the pages to show, by the package's own writers: of a twin, a sweep, an impact, a ledger."""

import datetime as dt

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from abm.layout import make_layout
from abm.parameters import Parameters
from calibration.clinic import Clinic, save_clinic
from calibration.twin.blocks import BLOCK
from calibration.twin.plan import TwinPlan
from calibration.twin.scales import COMPARED
from calibration.twin.sensors import WATCHED
from calibration.twin.step import Told
from calibration.twin.store import Noted, Store
from experiments.analysis.pages import Section, write_analysis
from experiments.config import Experiment
from experiments.decisions import Advice, Basis, Ledger, Trust
from experiments.page import Drawn
from experiments.runner import run_sweep

MONDAY = dt.date(2026, 3, 2)
WHO = tuple(f"dr-{n:02d}" for n in range(10))
RISKS = np.linspace(0.2, 0.92, len(WHO))  # dr-09 highest; two below a quarter
DAYS = 6


def twin_folder(folder):
    """Six days of ten physicians: dr-03's wearable fails, and the inbox takes longer than the twin expects."""
    layout = make_layout(len(WHO), 5)
    plan = TwinPlan(Clinic(layout, WHO), MONDAY, ("trust",), Parameters(), members=8)
    store = Store(folder)
    (folder / "days").mkdir(parents=True)
    save_clinic(plan.clinic, folder)
    for day in range(DAYS):
        store.write_told(day, _told(day))
    store.note(plan, Noted("log", 1))
    stays = {"stays": 0.97, "burned_out": RISKS}
    ahead = [
        pd.DataFrame({"who": WHO, "months": m, "date": plan.date(DAYS + 30 * m), "risk": RISKS, "low": RISKS - 0.1,
                      "median": RISKS, "high": np.minimum(RISKS + 0.1, 1), **stays,
                      "flag": np.where(RISKS > 0.8, "high risk", "")})
        for m in (1, 3)
    ]  # fmt: skip
    driver = {"unit": "h", "typical": 1.0, "deviation": 0.5, "effect": 0.04}
    drivers = [{"who": who, "driver": "evening_work", "value": 2.0, "contribution": 0.08, **driver} for who in WHO]
    fresh = [
        {"stream": stream, "who": who, "last": plan.date(DAYS - 1), "days_behind": 0 if stream != "wearable" else 30}
        for stream in ("ehr", "wearable") for who in WHO
    ]  # fmt: skip
    account = {"measure": ["ehr_minutes", ""], "became": ["used", "late"], "observations": [50, 2]}
    store.write_tables({
        "forecast": pd.concat(ahead), "drivers": pd.DataFrame(drivers), "freshness": pd.DataFrame(fresh),
        "account": pd.DataFrame(account),
    })  # fmt: skip
    return folder


def live_another_day(folder):
    """What a twin that follows its log writes in the evening."""
    Store(folder).write_told(DAYS, _told(DAYS))


def _told(day):
    n, m, s, b = len(WHO), len(COMPARED), len(WATCHED), len(BLOCK)
    risk = RISKS - 0.01 * (DAYS - 1 - day)
    failing = np.zeros((s, n))
    failing[:, 3] = 0.99 if day > 2 else 0.0
    drift, alarm = np.zeros((2, m)), np.zeros((2, m))
    drift[0, 0], alarm[0, 0] = 9.0, float(day > 3)
    unknown = np.full((m, n), np.nan)
    quantiles = np.stack([risk, risk - 0.08, risk, np.minimum(risk + 0.08, 1)])
    return Told(quantiles, risk, np.zeros((2, n, b)), np.full((3, 1), 0.5), unknown, unknown[:, 0], failing, drift,
                np.zeros((2, m)), alarm, np.full(n, 8.0), 0.0, np.ones(n), unknown)  # fmt: skip


def sweep_folder(folder):
    """A sweep of five physicians with an analysis beside it."""
    experiment = Experiment.model_validate({
        "name": "small", "description": "Do scribes help a small clinic?", "physicians": 5,
        "warm_up_days": 7, "days": 28, "period_days": 7, "replicates": 2, "seed": 11,
        "scenarios": [{"name": "scribe", "interventions": [{"kind": "scribe", "doses": [0.5, 1]}]},
                      {"name": "inbox", "interventions": [{"kind": "inbox_pooling"}]}],
    })  # fmt: skip
    run_sweep(experiment, folder, progress=False)
    figure = Figure(figsize=(2, 1))
    figure.subplots().plot([0, 1], [1, 0])
    section = Section("sensitivity", "What matters", "About it.", ["Trust matters most."], figures=("shares",))
    (folder / "sensitivity").mkdir()
    write_analysis(folder / "sensitivity", section, {}, {"shares": Drawn(figure, "a line", "Shares.")}, {})
    return folder


def impact_folder(folder):
    """What two challenges cost."""
    (folder / "tables").mkdir(parents=True)
    pd.DataFrame({
        "challenge": ["data_privacy", "change_fatigue"], "label": ["Data privacy", "Change fatigue"],
        "theme": ["data-related", "organizational"], "community": ["shared", "CFIR only"],
        "typical_lost": [12.5, 8.25], "severe_lost": [30.0, 16.0],
    }).to_csv(folder / "tables" / "ranking.csv", index=False)  # fmt: skip
    return folder


def ledger_file(path):
    """A ledger in which scribes for the clinic are proposed."""
    Ledger(path).propose(_advice())
    return path


def _advice():
    headline = {}
    for name, value in (("burnout_risk", -5.0), ("work_outside_work_8", -12.0), ("third_next_available", 0.1),
                        ("wait", 0.0), ("net", -40.0)):  # fmt: skip
        headline |= {name: value, f"{name}_low": value - 1, f"{name}_high": value + 1}
    row = {
        "rank": 1, "id": "abcd1234", "title": "scribe for the clinic: a human scribe documents visits",
        "kind": "scribe", "area": "staffing", "reach": "clinic", "who": "the clinic", "people": 10, "dose": 1.0,
        "dose_unit": "share of visits", "start": MONDAY + dt.timedelta(days=56), "undo_until": None, "notice_days": 30,
        "verdict": "lower", "reading": "better", **headline, "yearly_cost": 450_000.0, "likely_low": -9.0,
        "likely_high": -1.0, "chance_better": 0.97, "drivers": "less desk work in the evening",
        "against": "scribes have to be found", "undo": "end the scribes' assignments", "undo_days": None, "pods": None,
        "physicians": None, "ramp_days": 14.0,
    }  # fmt: skip
    effect = {"id": "abcd1234", "aim": "strain", "measure": "burnout_risk", "label": "Burnout risk", "unit": "%",
              "level": 50.0, "level_low": 45.0, "level_high": 55.0, "difference": -5.0, "low": -6.0, "high": -4.0,
              "likely_low": -9.0, "likely_high": -1.0, "verdict": "lower", "reading": "better",
              "replicates": 8}  # fmt: skip
    course = {"id": "abcd1234", "measure": "burnout_risk", "unit": "%", "days": 14, "date": MONDAY, "nothing": 55.0,
              "nothing_low": 50.0, "nothing_high": 60.0, "level": 50.0, "difference": -5.0, "low": -6.0, "high": -4.0,
              "likely_low": -9.0, "likely_high": -1.0, "deviation": 1.0}  # fmt: skip
    people = [{"id": "abcd1234", "who": who, "pod": 0, "reached": True, "risk": 60.0, "difference": -5.0, "low": -7.0,
               "high": -3.0, "drivers": ""} for who in WHO]  # fmt: skip
    basis = Basis("fit", "fit", MONDAY.isoformat(), "0123abcd", -1, "abcd0123", "none", 8, 183)
    trust = Trust(judged=0, within=0, score=0.5, widening=1.0, words="No past advice could be judged yet.")
    return Advice(
        pd.DataFrame([row]), pd.DataFrame([effect]), pd.DataFrame([course]), pd.DataFrame(people), basis, trust
    )
