"""Interview guides made from a frame: which questions to ask which stakeholder group."""

from __future__ import annotations

from abm.spelling import nearest
from experiments.implementation.frames import Frame, ImplementationError, load_frame, shipped

OPENING = (
    "Before you begin: say what the twin is and does, that answers are voluntary and stored without names, and ask "
    "whether the talk may be recorded.",
    "Ask for the interviewee's part in the clinic and years of experience; not for a name.",
)
CLOSING = (
    "What have I not asked that could make this fail?",
    "Of all you have named, which would you solve first?",
)


def groups() -> dict[str, str]:
    """Names of the stakeholder groups, by key."""
    return {key: group["name"] for key, group in shipped("stakeholders")["groups"].items()}


def interview_guide(group: str, frame: Frame | None = None) -> str:
    """An interview guide in Markdown: the group's own constructs first, then those of everybody, then the rest.

    In a frame other than CFIR 2.0 every construct is asked of everybody. Raises ImplementationError on an
    unknown group.
    """
    frame = frame or load_frame()
    stakeholders = shipped("stakeholders")
    if group not in stakeholders["groups"]:
        raise ImplementationError(
            f"group: met {group!r:.80}{nearest(group, stakeholders['groups'])} "
            f"(there are {', '.join(stakeholders['groups'])})"
        )
    chosen = stakeholders["groups"][group]
    lines = [
        f"# Interview guide: {chosen['name']}",
        "",
        f"For {chosen['stance']}. Frame: {frame.title} ({frame.name}; {frame.source}).",
        "",
        "## Before",
        "",
        *(f"- {words}" for words in OPENING),
    ]
    is_cfir = frame.key == "cfir2"
    asked = [*chosen["first"], *(key for key in stakeholders["everybody"] if key not in chosen["first"])]
    if not is_cfir:
        asked = [construct.key for construct in frame.constructs]
    for domain in frame.domains:
        own = [construct for construct in domain.constructs if construct.key in asked]
        if own:
            lines += ["", f"## {domain.name} ({domain.about})", ""]
            for construct in own:
                lines += [f"- **{construct.name}** – {construct.ask}"]
                lines += [
                    f"  - also about {part.name[:1].lower() + part.name[1:]}: {part.meaning}"
                    for part in construct.parts
                ]
    rest = [construct.name for construct in frame.constructs if construct.key not in asked]
    if is_cfir:
        lines += ["", "## Probes for this group", "", *(f"- {words}" for words in chosen["probes"])]
    if rest:
        lines += ["", "## If there is time", "", f"Not planned for this group, take up what comes: {', '.join(rest)}."]
    if frame.roles:
        lines += [
            "",
            "## Roles",
            "",
            "Note which role the interviewee has: "
            + "; ".join(f"{role.name} ({role.meaning})" for role in frame.roles)
            + ".",
        ]
    return "\n".join([*lines, "", "## To close", "", *(f"- {words}" for words in CLOSING), ""])
