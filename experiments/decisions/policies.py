"""What a manager has to know of each kind of change beyond the model: its area, how soon, and how it is taken back.

All days and sentences are assumed, and stand here for a clinic to read and correct; doses, levers and costs are those
of `abm.interventions.KINDS` (costs assumed there as well).
"""

from __future__ import annotations

from typing import NamedTuple

STAFFING, PROCESS, SCHEDULE = "staffing", "process", "schedule"
CLINIC, POD, FEW = "clinic", "pod", "physicians"


class Policy(NamedTuple):
    """``lead_days`` pass from the advice to the start, ``notice_days`` from an undoing to the end, and ``undo_days``
    from the start to the last day on which it can be undone (None: any)."""

    area: str
    reaches: tuple[str, ...]  # to whom it is offered
    lead_days: int
    notice_days: int
    undo_days: int | None
    undo: str
    caution: str


POLICIES: dict[str, Policy] = {
    "scribe": Policy(
        STAFFING,
        (CLINIC, FEW),
        56,
        30,
        None,
        "end the scribes' assignments; documentation returns to the physicians",
        "a scribe in the room needs patients' consent, and scribes have to be found",
    ),
    "ai_scribe": Policy(
        PROCESS,
        (CLINIC, POD),
        28,
        1,
        None,
        "switch the software off; notes are written as before",
        "drafts have errors that somebody must read for, and recordings need consent and a data protection review",
    ),
    "team_documentation": Policy(
        PROCESS,
        (CLINIC, POD),
        28,
        7,
        None,
        "give notes and orders back to the physicians",
        "medical assistants and nurses need training and orders need standing protocols",
    ),
    "inbox_pooling": Policy(
        PROCESS,
        (CLINIC, POD),
        28,
        7,
        None,
        "route messages to each physician's own inbox again",
        "nurses take over work, and continuity of answers may suffer",
    ),
    "extra_medical_assistant": Policy(
        STAFFING,
        (CLINIC, POD),
        56,
        30,
        None,
        "let the posts end with their notice",
        "assistants have to be found and trained",
    ),
    "template_change": Policy(
        SCHEDULE,
        (CLINIC, POD),
        42,
        42,
        None,
        "restore the former template for days that are not booked yet",
        "fewer slots: patients wait longer and income falls",
    ),
    "protected_time": Policy(
        SCHEDULE,
        (CLINIC, FEW),
        42,
        42,
        None,
        "open the blocked session time for booking again",
        "fewer visits a day while the panel stays as it is",
    ),
    "panel_reduction": Policy(
        SCHEDULE,
        (FEW,),
        56,
        0,
        28,
        "only while patients have not found another physician; afterwards panels grow again with new patients",
        "patients lose their physician, and others must take them",
    ),
    "part_time": Policy(
        SCHEDULE,
        (FEW,),
        56,
        56,
        182,
        "by agreement, while the contract's trial lasts; afterwards a new contract",
        "income of clinic and physician falls, and it has to be the physician's wish",
    ),
    "float_physician": Policy(
        STAFFING,
        (CLINIC,),
        56,
        30,
        None,
        "end the float physician's assignment",
        "helps only where posts are vacant",
    ),
    "wellbeing": Policy(
        PROCESS,
        (CLINIC,),
        28,
        1,
        None,
        "end the programme",
        "treats the strain and not its causes",
    ),
    "twin_advice": Policy(
        PROCESS,
        (CLINIC,),
        14,
        1,
        None,
        "switch the advice off; messages stay where they arrive",
        "moves work to colleagues, who may see it as unfair, and shows the load of each",
    ),
}
