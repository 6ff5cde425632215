"""A search for a policy in words, tables and figures."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from experiments.analysis.choose import BY_GRADIENT, GRID, NOTHING, RANDOM, Choice
from experiments.analysis.pages import Section
from experiments.analysis.policies import in_words
from experiments.analysis.policy import ACCESS, Problem
from experiments.figures import INK, PALETTE, WIDTH
from experiments.outcome_groups import MEASURES
from experiments.page import Drawn
from experiments.report_tables import Cell, Table
from experiments.report_words import bracket, interval, number, signed

METHOD_WORDS = {BY_GRADIENT: "by gradient", GRID: "on a grid", RANDOM: "at random", NOTHING: "no change"}


def policy_section(found: Choice, problem: Problem) -> tuple[Section, dict[str, Drawn], dict[str, pd.DataFrame]]:
    """(section, figures, tables of numbers) of a search."""
    section = Section("policy", "Which policy to choose", _about(found, problem), _sentences(found, problem),
                      [_table(found, problem), _front_table(found, problem)])  # fmt: skip
    drawn = {"policy_front": Drawn(
        front_figure(found, problem),
        f"Burnout against yearly cost of {len(found.tried)} policies, coloured by the wait for an appointment; "
        f"{len(found.front)} of them are on the front.",
        f"Every policy that the searches saw, on few replicates: {_objective(problem)} against "
        "yearly cost; colour: third next available. Ringed: no other policy is as cheap, as soon and lower. Crosses: "
        "over the limit on access. Diamond: the policy found by gradient, as the search saw it.",
    )}  # fmt: skip
    return section, drawn, {"policy_checked": found.checked, "policy_tried": found.tried, "policy_front": found.front}


def _objective(problem: Problem) -> str:
    label = MEASURES[problem.objective].label.lower()
    return label if problem.tail >= 1 else f"{label} in the worst {100 * problem.tail:.0f} % of replicates"


def _about(found: Choice, problem: Problem) -> str:
    drawn = () if problem.uncertain is None else problem.uncertain.names
    uncertain = f" Parameters that are not known ({', '.join(drawn)}) are drawn for each replicate." if drawn else ""
    return (
        f"Doses of {len(problem.runs.kinds)} kinds of intervention, in use for a year, that make {_objective(problem)} "
        f"least, for at most {number(problem.budget, 0)} USD a year (assumed costs) and with third next available of "
        f"at most {number(problem.access_limit)} days. The search by gradient is charged a run for each derivative it "
        "takes through the relaxed simulator; grid and random search simulate the exact one. What each found was then "
        f"run on fresh seeds that no search had seen.{uncertain}"
    )


def _sentences(found: Choice, problem: Problem) -> list[str]:
    rows = found.checked.set_index("method")
    mine, nothing = rows.loc[BY_GRADIENT], rows.loc[NOTHING]
    doses = mine[list(problem.runs.kinds)].to_numpy(float)
    m = problem.objective
    said = [
        f"Found by gradient with {found.runs[BY_GRADIENT]:,} model runs: {in_words(problem.runs.kinds, doses)}.",
        f"On fresh seeds it has {MEASURES[m].label.lower()} of {number(mine[m])} % "
        f"({bracket(mine[f'{m}_low'], mine[f'{m}_high'])}) against {number(nothing[m])} % without any change, for "
        f"{number(mine['yearly_cost'], 0)} USD a year, with third next available of {number(mine[ACCESS])} days "
        f"({'kept' if mine['keeps'] else 'not kept'} to the limits).",
    ]
    visits, net = (signed(mine[name] - nothing[name], 0) for name in ("visits_kept", "net"))
    said.append(f"Against no change, visits kept move by {visits} a week, and income minus turnover and the policy's "
                f"cost by {net} thousand USD a year: lost income is not in the budget.")  # fmt: skip
    for method in (GRID, RANDOM):
        row = rows.loc[method]
        low, high = row["behind_low"], row["behind_high"]
        verdict = "worse" if low > 0 else "better" if high < 0 else "not told apart from it"
        kept = "" if row["keeps"] else "; it does not keep to the limits"
        said.append(f"The best {METHOD_WORDS[method]} with {found.runs[method]:,} runs is {verdict}: "
                    f"{signed(row['behind_gradient'], 2)} points ({bracket(low, high, 2)}){kept}.")  # fmt: skip
    return said


def _table(found: Choice, problem: Problem) -> Table:
    rows = []
    for row in found.checked.to_dict("records"):
        cell = lambda n, d=1, r=row: Cell(number(r[n], d), interval(r[f"{n}_low"], r[f"{n}_high"], d))  # noqa: E731
        doses = np.array([row[kind] for kind in problem.runs.kinds])
        rows.append([
            Cell(METHOD_WORDS[row["method"]]), Cell(in_words(problem.runs.kinds, doses)),
            Cell(f"{found.runs.get(row['method'], 0):,}"), Cell(number(row["yearly_cost"], 0)),
            Cell(number(row["objective"], 2)), cell("burnout_risk"), cell("burned_out"), cell(ACCESS),
            cell("visits_kept", 0), Cell("yes" if row["keeps"] else "no"),
            Cell(signed(row["behind_gradient"], 2), interval(row["behind_low"], row["behind_high"], 2)),
        ])  # fmt: skip
    columns = ("Search", "Policy (doses)", "Model runs", "USD a year", f"Objective: {_objective(problem)} (%)",
               "Burnout risk (%)", "Burnout prevalence (%)", "Third next available (days)", "Visits kept (a week)",
               "Keeps to the limits", "Behind the gradient's (points)")  # fmt: skip
    return Table("What the searches found, on fresh seeds", columns, rows, "policy_checked",
                 "Second lines: 90 % intervals over replicates; the last column is paired.")  # fmt: skip


def _front_table(found: Choice, problem: Problem, most: int = 12) -> Table:
    kept = found.front[found.front[ACCESS] <= problem.access_limit]
    shown = kept.iloc[np.unique(np.linspace(0, len(kept) - 1, min(most, len(kept))).round().astype(int))]
    rows = [
        [Cell(number(r["yearly_cost"], 0)), Cell(number(r["objective"])), Cell(number(r[ACCESS])),
         Cell(in_words(problem.runs.kinds, np.array([r[kind] for kind in problem.runs.kinds]))),
         Cell(METHOD_WORDS.get(r["method"], "by gradient, smaller budget"))]
        for r in shown.to_dict("records")
    ]  # fmt: skip
    columns = ("USD a year", f"{_objective(problem).capitalize()} (%)", "Third next available (days)", "Policy (doses)",
               "Search")  # fmt: skip
    note = f"{len(rows)} of {len(found.front)} policies on the front that keep to the limit on access, by cost."
    return Table("The front of burnout, cost and access", columns, rows, "policy_front", note)


def front_figure(found: Choice, problem: Problem) -> Figure:
    """Burnout against cost of all policies, coloured by access, with the front ringed."""
    figure = Figure(figsize=(WIDTH, 5.0), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.12)
    ax = figure.subplots()
    tried, front = found.tried, found.front
    within = tried[ACCESS] <= problem.access_limit * 1.02
    cost = lambda frame: frame["yearly_cost"] / 1000  # noqa: E731
    ax.plot(cost(tried[~within]), tried["objective"][~within], "x", color="#bbbbbb", markersize=5, zorder=1)
    dots = ax.scatter(cost(tried[within]), tried["objective"][within], c=tried[ACCESS][within], cmap="viridis_r", s=26,
                      zorder=2)  # fmt: skip
    kept = front[front[ACCESS] <= problem.access_limit * 1.02]
    ax.plot(cost(kept), kept["objective"], "o", markersize=10, markerfacecolor="none", markeredgecolor=INK, zorder=3)
    mine = found.checked.set_index("method").loc[BY_GRADIENT]
    doses = tried[list(problem.runs.kinds)].to_numpy() - mine[list(problem.runs.kinds)].to_numpy(float)
    at = tried.iloc[np.abs(doses).max(axis=1).argmin()]
    ax.plot(at["yearly_cost"] / 1000, at["objective"], "D", color=PALETTE[1], markersize=9, zorder=4)
    ax.set(xlabel="thousand USD a year (assumed costs)", ylabel=f"{_objective(problem)} (%)")
    figure.colorbar(dots, ax=ax, label="third next available (days)", shrink=0.8)
    return figure
