"""What the browser needs to draw the clinic's floor and one person's day: plain lists and texts, no objects."""

from __future__ import annotations

from typing import Any

from abm.agents import Person, Physician
from experiments.server.watched import KEPT, Session, WatchedClinic

WEEKDAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
OPENS_AT_HOUR = 8  # see abm.rules.phases
COLOURED_BY = {  # outcome -> label, value from which on the darkest class is drawn (a choice of display)
    "burnout_risk": ("burnout risk", 1.0),
    "fatigue": ("morning fatigue", 0.25),
    "exhaustion": ("exhaustion", 1.0),
    "change_fatigue": ("change fatigue", 0.5),
}
CLASSES = 5
TASKS = {
    "visit_minutes": "with patients", "note_minutes": "documentation", "order_minutes": "orders",
    "clerical_minutes": "other clerical work", "inbox_minutes": "inbox", "evening_minutes": "after hours (of all work)",
    "delegated_minutes": "taken over by others",
}  # fmt: skip
STATES = {
    "burnout_risk": "burnout risk", "fatigue": "morning fatigue", "exhaustion": "exhaustion", "cynicism": "cynicism",
    "change_fatigue": "change fatigue", "motivation": "motivation", "adoption": "adoption of changes",
}  # fmt: skip
HISTORY = {"burnout_risk": ("Burnout risk", "%", 100.0), "evening_minutes": ("Work after hours", "min", 1.0),
           "fatigue": ("Morning fatigue", "%", 100.0)}  # fmt: skip


def day_name(day: int) -> str:
    """ "Week 2, Tuesday (day 8)"."""
    return f"Week {day // 7 + 1}, {WEEKDAY_NAMES[day % 7]} (day {day})"


def floor(session: Session, measure: str) -> dict[str, Any]:
    """Pods with their physicians, appointments and staff, coloured by ``measure`` (a key of COLOURED_BY)."""
    clinic = session.running
    label, top = COLOURED_BY[measure]
    pods = [
        {
            "name": f"Pod {k + 1}",
            "physicians": [_physician(d, measure, top, clinic) for d in pod],
            "staff": [_person(s, measure, top) | {"role": s.role} for s in clinic.staff if s.pod == k],
        }
        for k, pod in enumerate(clinic.pods)
    ]
    classes = [f"{100 * top * c / CLASSES:.0f}-{100 * top * (c + 1) / CLASSES:.0f} %" for c in range(CLASSES)]
    return {
        "title": day_name(clinic.day), "measure": label, "classes": classes, "pods": pods,
        "rooms": clinic.layout.rooms_per_physician, "opens": OPENS_AT_HOUR,
        "minutes": round(clinic.parameters.session_minutes + clinic.parameters.wrap_up_minutes_max),
    }  # fmt: skip


def _person(person: Person, measure: str, top: float) -> dict[str, Any]:
    value = person.record.get(measure, 0.0)
    return {
        "index": person.index, "text": f"{100 * value:.0f}", "here": bool(person.here) and bool(person.employed),
        "level": min(int(CLASSES * value / top), CLASSES - 1),
    }  # fmt: skip


def _physician(physician: Any, measure: str, top: float, clinic: WatchedClinic) -> dict[str, Any]:
    working = clinic.is_weekday and bool(physician.on_duty)
    status = "post vacant" if not physician.employed else "absent" if physician.absent else "" if working else "day off"
    return _person(physician, measure, top) | {
        "number": physician.index + 1, "status": status, "waiting": len(physician.waiting_list),
        "appointments": [[round(t) for t in a] for a in physician.appointments] if working else [],
    }  # fmt: skip


def name_of(person: Person) -> str:
    """How a person is called on the page."""
    if isinstance(person, Physician):
        return f"Physician {person.index + 1}"
    return f"{person.role.capitalize()} {person.index + 1}"  # type: ignore[attr-defined]


def day_of(session: Session, index: int) -> dict[str, Any]:
    """One person's last day: name, facts (sentences), tasks and states (label, value, text), history series."""
    clinic = session.running
    person: Any = clinic.people[index]
    states = [
        {"label": label, "share": person.record[name], "text": f"{100 * person.record[name]:.0f} %"}
        for name, label in STATES.items()
        if name in person.record
    ]
    if not isinstance(person, Physician):
        minutes = person.work_minutes
        tasks = [{"label": "work of the pod", "share": minutes / 600, "text": f"{minutes:.0f} min"}]
        facts = [f"Pod {person.pod + 1}; {'at work' if person.here else 'absent or vacant'}."]
        return {"name": name_of(person), "facts": facts, "tasks": tasks, "states": states, "history": []}
    record = person.day_outcomes()
    tasks = [
        {"label": label, "share": record.get(name, 0.0) / 600, "text": f"{record.get(name, 0.0):.0f} min"}
        for name, label in TASKS.items()
    ]
    history = [
        {"label": label, "unit": unit, "values": [round(float(day[index]) * factor, 1) for day in session.history[key]]}
        for key, (label, unit, factor) in HISTORY.items()
        if key in KEPT
    ]
    return {"name": name_of(person), "facts": _facts(person, record), "tasks": tasks, "states": states,
            "history": history}  # fmt: skip


def _facts(person: Any, record: dict[str, float]) -> list[str]:
    if not person.employed:
        return [f"Pod {person.pod + 1}; the post is vacant."]
    works = f"{record['kept']:.0f} of {record['booked']:.0f} booked visits kept." if record.get("on_duty") else \
        "No session today."  # fmt: skip
    return [
        f"Pod {person.pod + 1}; {person.fte:.0%} clinical; panel of {len(person.panel):,}.",
        f"{works} {len(person.waiting_list)} patients wait for an appointment.",
        f"Slept {record['sleep_hours']:.1f} h; {record['backlog_minutes']:.0f} min of desk work left over.",
    ]
