"""The no-show curve: recovered from simulated appointments, fitted to the real ones, refused where unreadable."""

import os
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import minimize

from abm.layout import DISADVANTAGED_SHARE
from abm.parameters import Parameters
from abm.rules.booking import no_show_probability
from calibration.no_show_fit import FITTED, fit_no_show, marginal_no_show_share, read_appointments

DATA = Path(os.environ.get("CLINICTWIN_DATA") or Path(__file__).parents[3] / "shared" / "data")
APPOINTMENTS = DATA / "appointments" / "no-shows.csv"
HEADER = "ScheduledDay,AppointmentDay,No-show\n"


def appointments_file(path, lead, missed):
    due = np.datetime64("2016-06-01")
    rows = [f"{due - d}T14:30:00Z,{due}T00:00:00Z,{'Yes' if m else 'No'}" for d, m in zip(lead, missed, strict=True)]
    path.write_text(HEADER + "\n".join(rows) + "\n")
    return path


def test_marginal_share_is_the_mean_over_patients():
    """Against two million drawn patients; 5 standard errors (false alarm below 1e-5 over the lead times)."""
    p = Parameters().replace(no_show_patient_spread=1.2, no_show_disadvantage=0.8)
    curve = (-2.5, 1.5, 4.0)
    rng = np.random.default_rng(3)
    n = 2_000_000
    patient = p.no_show_patient_spread * rng.standard_normal(n)
    patient += p.no_show_disadvantage * (rng.random(n) < DISADVANTAGED_SHARE)
    for lead, share in zip((0, 3, 40), marginal_no_show_share([0, 3, 40], curve, p), strict=True):
        chance = no_show_probability(lead, patient, *curve, np)
        assert abs(chance.mean() - share) < 5 * chance.std() / np.sqrt(n)


def test_a_known_curve_is_recovered_within_its_standard_errors(tmp_path):
    """Each estimate within 5 standard errors of the truth (false alarm below 1e-5), which are not too wide to tell."""
    p = Parameters().replace(
        no_show_intercept=-2.8, no_show_delay_effect=1.7, no_show_delay_days=5.0,
        no_show_patient_spread=0.9, no_show_disadvantage=0.6,
    )  # fmt: skip
    truth = [getattr(p, name) for name in FITTED]
    rng = np.random.default_rng(11)
    lead = rng.choice([0, 1, 2, 4, 7, 12, 20, 35, 70], 30_000)
    patient = p.no_show_patient_spread * rng.standard_normal(lead.size)
    patient += p.no_show_disadvantage * (rng.random(lead.size) < DISADVANTAGED_SHARE)
    missed = rng.random(lead.size) < no_show_probability(lead.astype(float), patient, *truth, np)
    fit = fit_no_show(appointments_file(tmp_path / "a.csv", lead, missed), p)
    assert fit.appointments == 30_000
    for name, value, error, true in zip(FITTED, fit.table["estimate"], fit.standard_errors, truth, strict=True):
        assert abs(value - true) < 5 * error, name
        assert error < 0.15 * abs(true), name
    applied = fit.apply(p)
    assert [getattr(applied, name) for name in FITTED] == list(fit.table["estimate"])


@pytest.mark.skipif(not APPOINTMENTS.exists(), reason=f"no real appointments at {APPOINTMENTS} (set CLINICTWIN_DATA)")
def test_the_real_appointments():
    fit = fit_no_show(APPOINTMENTS)
    assert (fit.appointments, fit.excluded) == (2000, 0)
    assert list(fit.table["estimate"]) == pytest.approx([-3.580, 2.510, 0.3764], abs=1e-3)
    lead, missed, _ = read_appointments(APPOINTMENTS)

    def log_likelihood(curve):
        share = marginal_no_show_share(lead, curve, Parameters())
        return np.log(np.where(missed > 0.5, share, 1 - share)).sum()

    best = np.array(fit.table["estimate"])
    assert log_likelihood(best) == pytest.approx(fit.log_likelihood, abs=1e-9)
    # one standard error from the best value costs about half a unit of log-likelihood, the others fitted anew
    for i, error in enumerate(fit.standard_errors):
        others = np.delete(np.arange(3), i)
        for value in (best[i] - error, best[i] + error):
            at = lambda x, i=i, value=value: np.insert(x, i, value)  # noqa: E731
            bounds = fit.table[["low", "high"]].values[others]
            rest = minimize(lambda x, at=at: -log_likelihood(at(x)), best[others], method="L-BFGS-B", bounds=bounds)
            drop = fit.log_likelihood + rest.fun
            assert 0.15 < drop < 1.0, FITTED[i]
    # A monotone curve that levels off cannot follow the two bins with the fewest appointments (69 and 34).
    missed_bins = fit.bins.loc[fit.bins["verdict"] != "holds", "lead_time"]
    assert list(missed_bins) == ["4-7 days", "over 60 days"]
    assert (abs(fit.bins["fitted"] - fit.bins["observed"]) < 3 * fit.bins["standard_error"]).all()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the file is empty"),
        (HEADER, "no appointments below the header"),
        ("ScheduledDay,AppointmentDay\n", "line 1: no column 'No-show'"),
        (HEADER + "2016-04-29,2016-05-01,No\n2016-04-31,2016-05-01,No\n", "line 3: ScheduledDay: met '2016-04-31'"),
        (HEADER + "2016-04-29,2016-05-01,Perhaps\n", "line 2: No-show: met 'Perhaps', expected Yes or No"),
        (HEADER + "2016-05-02,2016-05-01,No\n", "every appointment is dated before its booking"),
        (HEADER + "2016-04-29,2016-05-01,No\n", "every appointment has the same outcome"),
        (HEADER + "2016-04-29,2016-05-01,No\n2016-04-29,2016-05-01,Yes\n", "1 different lead times"),
    ],
)
def test_unreadable_appointments_are_refused(tmp_path, content, message):
    path = tmp_path / "appointments.csv"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"appointments\.csv") as refusal:
        fit_no_show(path)
    assert message in str(refusal.value)
