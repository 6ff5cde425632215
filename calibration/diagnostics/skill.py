"""Are forecasts worth their model? Held-out weeks scored against simpler forecasters on the same observations.

Every forecaster sees the observations up to a day and gives, for each physician and each four weeks to come, samples of
the mean of a measure over the days that were observed then. Scores are proper (Gneiting & Raftery 2007, JASA 102:359):
the continuous ranked probability score of the samples, in the measure's unit, and the logarithmic score of a normal of
their mean and deviation.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from abm.layout import Layout
from abm.population import simulate_batch
from calibration.fit import Fit
from calibration.measures import MEASURES, expected_value
from calibration.observations import to_array
from calibration.posterior_clinics import posterior_clinics

BLOCK_DAYS = 28
LEAST_DAYS = 5  # observed in a block, for a mean to count
SAMPLES = 64
# Means of these are forecast; of a wearable's levels the own baseline is, and of surveys a block has too few.
FORECAST = ("ehr_minutes", "work_outside_work_minutes", "inbox_minutes", "message_count", "kept_count",
            "visit_minutes", "sleep_minutes")  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Blocks:
    """Observed means [measures, blocks, N] by block of four weeks (NaN where too little was observed); the first
    ``seen`` blocks are what forecasters may look at."""

    measures: tuple[str, ...]
    means: np.ndarray
    there: np.ndarray  # bool [measures, days, N]: observed
    seen: int

    @property
    def past(self) -> np.ndarray:
        return self.means[:, : self.seen]

    @property
    def future(self) -> np.ndarray:
        return self.means[:, self.seen :]


Forecaster = Callable[[Blocks, np.random.Generator], np.ndarray]  # samples [SAMPLES, measures, future blocks, N]


def in_blocks(observations: pd.DataFrame, layout: Layout, seen_days: int, days: int, first_day: dt.date,
              timezone: str = "UTC") -> Blocks:  # fmt: skip
    """Block means of a table's observations. Raises ValueError unless both numbers of days are whole blocks."""
    if seen_days % BLOCK_DAYS or days % BLOCK_DAYS or not 2 * BLOCK_DAYS <= seen_days < days:
        raise ValueError(f"days: met {seen_days} of {days} seen, expected multiples of {BLOCK_DAYS}, two blocks or "
                         "more seen and one or more not")  # fmt: skip
    arrays = to_array(observations, layout, days, first_day, timezone=timezone)
    measures = tuple(m for m in FORECAST if m in arrays and np.isfinite(arrays[m]).any())
    values = np.stack([arrays[m] for m in measures])
    return Blocks(measures, block_means(values), np.isfinite(values), seen_days // BLOCK_DAYS)


def block_means(values: np.ndarray) -> np.ndarray:
    """Means [..., blocks, N] of daily values [..., days, N] over the days that are there (not NaN)."""
    shaped = values.reshape(*values.shape[:-2], -1, BLOCK_DAYS, values.shape[-1])
    there = np.isfinite(shaped)
    total = np.where(there, shaped, 0.0).sum(axis=-2)
    count = there.sum(axis=-2)
    return np.where(count >= LEAST_DAYS, total / np.maximum(count, 1), np.nan)


def twin(fit: Fit, layout: Layout) -> Forecaster:
    """The fitted clinic, simulated on from posterior draws; a physician's last residual decays by half a block."""

    def forecast(blocks: Blocks, rng: np.random.Generator) -> np.ndarray:
        clinics = posterior_clinics(fit)
        chosen = [clinics[k % len(clinics)] for k in range(SAMPLES)]
        days, warm_up = blocks.there.shape[1], int(fit.info["warm_up_days"])
        samples = np.empty((SAMPLES, *blocks.means.shape))
        for k, (parameters, traits) in enumerate(chosen):
            own = dataclasses.replace(layout, traits=traits)
            run = simulate_batch(parameters, warm_up + days, [int(rng.integers(2**63))], layout=own).physicians
            records = {name: np.asarray(values[0, warm_up:], float) for name, values in run.items()}
            daily = np.stack([expected_value(MEASURES[m], records, np) for m in blocks.measures])
            works = np.stack([records["on_duty"] > 0 if MEASURES[m].stream in ("ehr", "schedule")
                              and m != "message_count" else np.ones_like(records["on_duty"], bool)
                              for m in blocks.measures])  # fmt: skip
            samples[k] = block_means(np.where(works, daily, np.nan))
        return _from_last(samples, blocks)[:, :, blocks.seen :]

    return forecast


def _from_last(samples: np.ndarray, blocks: Blocks) -> np.ndarray:
    """Samples moved towards what was seen last: a residual that lasts (a waiting list, a season) is known today."""
    seen = blocks.seen
    mean = np.nanmean(samples, axis=0)
    residual = blocks.means[:, seen - 1] - mean[:, seen - 1]
    before = blocks.means[:, seen - 2] - mean[:, seen - 2]
    both = np.isfinite(residual) & np.isfinite(before)
    top = np.where(both, residual * before, 0.0).sum(axis=1)
    keep = np.clip(top / np.maximum(np.where(both, before**2, 0.0).sum(axis=1), 1e-12), 0.0, 1.0)  # [measures]
    moved = samples.copy()
    for ahead in range(samples.shape[2] - seen):
        shift = np.where(np.isfinite(residual), residual, 0.0) * (keep ** (ahead + 1))[:, None]
        moved[:, :, seen + ahead] += shift
    return moved


def persistence(blocks: Blocks, rng: np.random.Generator) -> np.ndarray:
    """The last block's mean, as uncertain as means changed from block to block before."""
    last, change = blocks.past[:, -1], np.diff(blocks.past, axis=1)
    ahead = 1 + np.arange(blocks.future.shape[1])
    deviation = np.sqrt(np.nanmean(change**2, axis=(1, 2)))[:, None] * np.sqrt((1 + ahead) / 2)  # [measures, ahead]
    return _normal(np.repeat(last[:, None], len(ahead), axis=1), deviation[:, :, None], rng)


def clinic_average(blocks: Blocks, rng: np.random.Generator) -> np.ndarray:
    """The clinic's last block for everybody, as uncertain as physicians differ."""
    last = blocks.past[:, -1]
    shape = blocks.future.shape
    mean = np.broadcast_to(np.nanmean(last, axis=1)[:, None, None], shape)
    return _normal(mean, np.nanstd(last, axis=1)[:, None, None], rng)


def gradient_boosting(blocks: Blocks, rng: np.random.Generator) -> np.ndarray:
    """Trees on the last two blocks of all measures (scikit-learn), trained on earlier blocks of the same clinic, as
    uncertain as they were off in cross-validation over physicians; steps ahead one after the other."""
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.model_selection import GroupKFold, cross_val_predict

    measures, _, people = blocks.means.shape
    past = [blocks.past[:, b] for b in range(blocks.seen)]
    pairs = [(np.concatenate([past[b - 2], past[b - 1]]).T, past[b]) for b in range(2, blocks.seen)]
    pairs = pairs or [(np.concatenate([past[0], past[0]]).T, past[1])]
    features = np.concatenate([f for f, _ in pairs])
    who = np.tile(np.arange(people), len(pairs))
    models, deviation = [], []
    for m in range(measures):
        wanted = np.concatenate([t[m] for _, t in pairs])
        there = np.isfinite(wanted)
        model = HistGradientBoostingRegressor(max_iter=100, min_samples_leaf=5, random_state=0)
        folds = GroupKFold(min(5, len(np.unique(who[there]))))
        guess = cross_val_predict(model, features[there], wanted[there], groups=who[there], cv=folds)
        deviation.append(np.sqrt(np.mean((guess - wanted[there]) ** 2)))
        models.append(model.fit(features[there], wanted[there]))
    mean = []
    for _ in range(blocks.future.shape[1]):
        now = np.concatenate([past[-2], past[-1]]).T
        past.append(np.stack([model.predict(now) for model in models]))
        mean.append(past[-1])
    ahead = np.sqrt(1 + np.arange(len(mean)))[None, :, None]
    return _normal(np.stack(mean, axis=1), np.array(deviation)[:, None, None] * ahead, rng)


def _normal(mean: np.ndarray, deviation: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return mean + deviation * rng.standard_normal((SAMPLES, *mean.shape))


def scores(blocks: Blocks, forecasters: Mapping[str, Forecaster], seed: int = 0) -> pd.DataFrame:
    """One row a forecaster, measure and block ahead: ``crps`` in the measure's unit, ``log_score`` (lower is better,
    both), ``error`` (standard error of the CRPS over physicians), and ``skill``: 1 less the CRPS over that of the
    persistence forecast."""
    import scoringrules

    rows = []
    for name, forecaster in forecasters.items():
        samples = np.moveaxis(forecaster(blocks, np.random.default_rng([seed, 11])), 0, -1)
        crps = scoringrules.crps_ensemble(blocks.future, samples)
        deviation = np.maximum(samples.std(axis=-1, ddof=1), 1e-6)
        log_score = scoringrules.logs_normal(blocks.future, samples.mean(axis=-1), deviation)
        for m, measure in enumerate(blocks.measures):
            for ahead in range(blocks.future.shape[1]):
                here = np.isfinite(crps[m, ahead])
                rows.append({
                    "forecaster": name, "measure": measure, "unit": MEASURES[measure].unit, "blocks_ahead": ahead + 1,
                    "physicians": int(here.sum()), "crps": float(crps[m, ahead][here].mean()),
                    "error": float(crps[m, ahead][here].std(ddof=1) / np.sqrt(max(here.sum(), 1))),
                    "log_score": float(log_score[m, ahead][here].mean()),
                })  # fmt: skip
    table = pd.DataFrame(rows)
    reference = table[table["forecaster"] == "persistence"].set_index(["measure", "blocks_ahead"])["crps"]
    place = pd.MultiIndex.from_frame(table[["measure", "blocks_ahead"]])
    return table.assign(skill=1.0 - table["crps"].to_numpy() / reference.reindex(place).to_numpy())


def skill_on(observations: pd.DataFrame, layout: Layout, fit: Fit, *, seen_days: int, days: int, first_day: dt.date,
             timezone: str = "UTC", seed: int = 0) -> pd.DataFrame:  # fmt: skip
    """Scores of the twin and three simpler forecasters; ``fit`` must be one of the first ``seen_days`` alone."""
    blocks = in_blocks(observations, layout, seen_days, days, first_day, timezone)
    every = {"twin": twin(fit, layout), "persistence": persistence, "clinic average": clinic_average,
             "gradient boosting": gradient_boosting}  # fmt: skip
    return scores(blocks, every, seed)
