"""The Clinic page: the Mesa model, live; step or play it, change it while it runs, look at anybody's day."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import solara

from abm.interventions import KINDS
from abm.parameters import ENTRIES
from experiments.server.floor_view import COLOURED_BY, day_name, day_of, floor
from experiments.server.served import served
from experiments.server.watched import Session, plain

SPEEDS = {"1 day a second": 1.0, "4 days a second": 0.25, "as fast as it goes": 0.0}  # seconds between days
BREATH_SECONDS = 0.05  # after a drawn day, so that the browser's own wishes are heard
SLIDERS = (
    "visit_requests_per_patient_year", "patient_messages_per_patient_year", "system_messages_per_day",
    "documentation_minutes_per_visit", "slots_per_session", "evening_minutes_max", "recovery_rate", "leadership",
    "trust",
)  # fmt: skip
FIRST_DOSE = 1.0

mine: solara.Reactive[Session | None] = solara.reactive(None)  # Solara keeps a value for each browser session


@solara.component_vue("vue/floor.vue")
def Floor(view: dict[str, Any], chosen: int = -1, event_choose: Any = None) -> None:
    """The floor; ``event_choose`` is called with the index of the person clicked."""


@solara.component_vue("vue/lines.vue")
def Lines(series: list[dict[str, Any]], marks: list[dict[str, Any]]) -> None:
    """Small line charts."""


@solara.component_vue("vue/person_day.vue")
def PersonDay(person: dict[str, Any]) -> None:
    """One person's day."""


@solara.component_vue("vue/bar.vue")
def Bar(day: str, playing: bool, speed: str, speeds: list[str], measure: str, measures: list[list[str]],
        event_step: Any = None, event_play: Any = None, event_pace: Any = None, event_colour: Any = None,
        event_again: Any = None) -> None:  # fmt: skip
    """Step, play, speed, colour."""


@solara.component_vue("vue/controls.vue")
def Controls(changes: list[dict[str, Any]], parameters: list[dict[str, Any]], others: list[list[str]], other: str,
             event_dose: Any = None, event_slide: Any = None, event_pick: Any = None) -> None:  # fmt: skip
    """Switches and sliders; ``event_dose`` and ``event_slide`` are called with [name, number]."""


@solara.component
def ClinicPage() -> None:
    """The page; the clinic is built beside the first drawing of it."""
    built, set_built = solara.use_state(mine.value.day if mine.value else -1)
    error, set_error = solara.use_state("")

    def build() -> None:
        if mine.value is None:
            session = Session(served().physicians, served().seed)
            try:
                session.build()
            except (ValueError, RuntimeError) as problem:
                set_error(str(problem))
                return
            mine.value = session
        set_built(mine.value.day)

    solara.use_thread(build, dependencies=[], intrusive_cancel=False)
    solara.Title("Clinic")
    solara.v.Html(tag="h1", children=["The clinic, day by day"])
    if error:
        solara.v.Html(tag="p", attributes={"role": "alert"}, children=[f"The clinic could not be built: {error}"])
    elif mine.value is None or built < 0:
        solara.v.Html(tag="p", attributes={"role": "status"}, children=[
            f"Hiring {served().physicians} physicians and their patients ..."
        ])  # fmt: skip
        solara.ProgressLinear(True)
    else:
        Running(mine.value)


@solara.component
def Running(session: Session) -> None:
    """Controls beside the floor, the chosen person's day, the clinic's series."""
    day, set_day = solara.use_state(session.day)
    playing, set_playing = solara.use_state(False)
    speed, set_speed = solara.use_state(next(iter(SPEEDS)))
    measure, set_measure = solara.use_state(next(iter(COLOURED_BY)))
    chosen, set_chosen = solara.use_state(0)
    changed, set_changed = solara.use_state(0)

    def play(cancelled: threading.Event) -> None:
        while playing and not cancelled.is_set():
            session.step()
            set_day(session.day)
            cancelled.wait(max(SPEEDS[speed], BREATH_SECONDS))

    solara.use_thread(play, dependencies=[playing, speed, session], intrusive_cancel=False)

    def step(_: Any = None) -> None:
        session.step()
        set_day(session.day)

    def restart(_: Any = None) -> None:
        session.build()
        set_day(session.day)
        set_changed(changed + 1)

    with session.lock:
        view, person = floor(session, measure), day_of(session, chosen)
        series, marks = session.series(), [{"day": at, "label": what} for at, what in session.marks]
    Bar(day=day_name(day), playing=playing, speed=speed, speeds=list(SPEEDS), measure=measure,
        measures=[[name, label] for name, (label, _) in COLOURED_BY.items()], event_step=step, event_play=set_playing,
        event_pace=among(SPEEDS, set_speed), event_colour=among(COLOURED_BY, set_measure),
        event_again=restart)  # fmt: skip
    with solara.Div(classes=["ct-split"]):
        Panel(session, lambda: set_changed(changed + 1))
        with solara.Div():
            with solara.Div(classes=["ct-card"]):
                Floor(view=view, chosen=chosen, event_choose=among(range(len(session.running.people)), set_chosen))
            with solara.Div(classes=["ct-card"]):
                PersonDay(person=person)
                if person["history"]:
                    Lines(series=person["history"], marks=[])
            with solara.Div(classes=["ct-card"]):
                solara.v.Html(tag="h2", children=["The clinic so far"])
                Lines(series=series, marks=marks)


@solara.component
def Panel(session: Session, touched: Any) -> None:
    """Switches and doses of the changes, sliders of some parameters and of one chosen among all others."""
    other, set_other = solara.use_state("")
    refused, set_refused = solara.use_state("")

    def attempt(act: Any, name: str, value: Any) -> None:
        try:
            act(name, float(value))
            set_refused("")
        except (ValueError, TypeError) as problem:
            set_refused(str(problem))
        touched()

    changes = [
        {"kind": kind, "label": label_of(kind), "meaning": about.meaning, "unit": about.dose_unit,
         "dose": session.doses.get(kind, 0.0), "first": FIRST_DOSE, "top": about.dose_max}
        for kind, about in KINDS.items()
    ]  # fmt: skip
    with solara.Div():
        if refused:
            solara.v.Html(tag="p", attributes={"role": "alert"}, children=[f"Refused: {refused}"])
        Controls(changes=changes, parameters=[_slider(n, session) for n in (*SLIDERS, *filter(None, [other]))],
                 others=[[n, plain(n)] for n in ENTRIES if n not in SLIDERS], other=other,
                 event_dose=lambda told: attempt(session.switch, *told),
                 event_slide=lambda told: attempt(session.set_parameter, *told),
                 event_pick=among(('', *ENTRIES), set_other))  # fmt: skip


def among(known: Any, act: Callable[[Any], Any]) -> Callable[[Any], None]:
    """``act`` on what a browser says, if it is one of ``known``; a page of ours says nothing else."""
    return lambda said: act(said) if said in known else None


def label_of(kind: str) -> str:
    """A kind of change as its switch is called."""
    name = plain(kind)
    return name[0].upper() + name[1:]


def _slider(name: str, session: Session) -> dict[str, Any]:
    e, value = ENTRIES[name], session.value_of(name)
    return {"name": name, "label": plain(name), "meaning": e.meaning, "low": e.low, "high": e.high, "value": value,
            "text": f"{value:.3g} {'' if e.unit == '1' else e.unit}".strip()}  # fmt: skip
