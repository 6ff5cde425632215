"""Sheets on which interviewees say whether they were understood: one a interview, no names unless asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from experiments.implementation.excerpts import Excerpt
from experiments.implementation.frames import Frame
from experiments.implementation.masking import mask_label, mask_text


def sheets(
    excerpts: Sequence[Excerpt],
    frame: Frame,
    called: Mapping[str, str],
    names: Iterable[str] = (),
    with_names: bool = False,
) -> dict[str, str]:
    """Markdown by what the interview is ``called``. Without ``with_names``, what looks like a name is masked."""
    names = list(names)
    by_interview: dict[str, dict[tuple[str, str], list[str]]] = {}
    for one in excerpts:
        found = by_interview.setdefault(called[one.interview], {}).setdefault((one.challenge, one.code), [])
        if one.text and one.text not in found:
            found.append(one.text)
    written = {}
    for interview, rows in by_interview.items():
        lines = [
            f"# Member check: {interview}",
            "",
            "Have we understood you? Tick one box a row; write what is missing.",
        ]
        for (challenge, code), texts in rows.items():
            domain = frame.domain_of(code)
            label = challenge if with_names else mask_label(challenge, names)
            place = f"{code}, {domain.name}" if domain else "outside the frame"
            lines += ["", f"## {label or 'no challenge named'} ({place})", ""]
            lines += [f"> {' '.join((text if with_names else mask_text(text, names)).split())}" for text in texts]
            lines += ["", "[ ] right   [ ] partly   [ ] wrong: ______"]
        written[interview] = "\n".join([*lines, "", "What is missing: ______", ""])
    return written
