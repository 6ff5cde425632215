"""What practitioners measure and say of themselves: Observation and QuestionnaireResponse; patients' are passed over.

The subject decides whose it is. R4 does not foresee a practitioner as an Observation's subject, so where there is no
subject it is the only performer. A value that was entered in error is marked as failed, or counts zero if it is a
share of the day.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from calibration.measures import MEASURES
from calibration.sources import units
from calibration.sources.fhir.facts import Fact, Moment, Skip, Wrong
from calibration.sources.fhir.material import Material
from calibration.sources.fhir.resources import Answer, Item, Observation, QuestionnaireResponse, Reference
from calibration.sources.mapped import CODE, NUMBER

LOINC = "http://loinc.org"
STEPS_OF_THE_DAY = "41950-7"  # LOINC: number of steps in 24 hours; the other code counts any stretch of time
_A_DAY = frozenset({"/d", "1/d", "{steps}/d", "/(24.h)", "1/(24.h)", "{steps}/(24.h)"})  # units of that code
_ORDINAL = "http://hl7.org/fhir/StructureDefinition/ordinalValue"
_FINAL = frozenset({"final", "amended", "corrected", "completed"})
_ERROR = frozenset({"entered-in-error", "cancelled"})


def of_observation(observation: Observation, material: Material) -> list[Fact]:
    """A wearable's value. Raises Skip, Wrong."""
    asked = [observation.subject] if observation.subject is not None else observation.performer
    person = _one(asked, observation.contained, material)
    measure, code = _measured(observation, material)
    is_wrong = _is_error(observation.status)
    value = _value(observation, measure, code, material)
    day = _when(observation, measure, material).day
    if measure == "sleep_minutes" or (measure == "steps" and code != STEPS_OF_THE_DAY):
        return [Fact(person, measure, 0.0 if is_wrong else value, day, f"Observation/{observation.id}")]
    return [Fact(person, measure, value, day, quality="failed" if is_wrong else "good")]


def of_questionnaire_response(response: QuestionnaireResponse, material: Material) -> list[Fact]:
    """Answers of a pulse survey. Raises Skip, Wrong."""
    asked = [response.subject] if response.subject is not None else [response.source or response.author]
    person = _one(asked, response.contained, material)
    quality = "failed" if _is_error(response.status) else "good"
    answers: dict[str, list[Answer]] = {}
    for item in _items(response.item):
        if item.answer and item.link_id is not None:
            answers.setdefault(item.link_id, []).extend(item.answer)
    chosen = {m: links for m, links in material.choices.questions.items() if any(link in answers for link in links)}
    if not chosen:
        raise Skip("without a question of a measure")
    day = material.clock.moment(response.authored, "authored").day
    facts = []
    for measure, links in chosen.items():
        if any(len(answers.get(link, ())) != 1 for link in links):
            raise Wrong(
                f"item: met {sum(len(answers.get(link, ())) for link in links)} answers for {measure}, "
                f"expected one to each of {len(links)} questions"
            )
        facts.append(Fact(person, measure, sum(_number(answers[k][0], measure) for k in links), day, quality=quality))
    return facts


def _one(references: Sequence[Reference | None], contained: Sequence[msgspec.Raw], material: Material) -> str:
    people = material.directory.people(references, contained)
    if len(people) != 1:
        raise Skip("of somebody else than one practitioner")
    return people[0]


def _is_error(status: str | None) -> bool:
    if status not in _FINAL and status not in _ERROR:
        raise Skip("not final")
    return status in _ERROR


def _measured(observation: Observation, material: Material) -> tuple[str, str]:
    """(measure, LOINC code)."""
    for coding in observation.code.coding if observation.code is not None else ():
        for measure, codes in material.choices.codes.items():
            if coding.code in codes:
                material.met.code(measure, coding.system)
                if coding.system == LOINC:
                    return measure, str(coding.code)
    raise Skip("with a code of no measure")


def _when(observation: Observation, measure: str, material: Material) -> Moment:
    """Steps count for the day on which they begin, what the night brought for the day on which it ends."""
    period = observation.effective_period
    if period is not None:
        ends = [material.clock.moment(t, "effectivePeriod") for t in (period.start, period.end) if t is not None]
        if ends:
            return min(ends) if measure == "steps" else max(ends)
    return material.clock.moment(observation.effective_date_time or observation.effective_instant, "effectiveDateTime")


def _value(observation: Observation, measure: str, code: str, material: Material) -> float:
    quantity, wanted = observation.value_quantity, MEASURES[measure].unit
    if quantity is None or quantity.value is None:
        if observation.value_integer is not None and wanted == "1":
            return float(observation.value_integer)
        raise Skip("without a value")
    if quantity.comparator is not None:
        raise Wrong("valueQuantity: met a comparator, expected a measured value")
    given = quantity.code or quantity.unit or ""
    material.met.unit(measure, given)
    if code == STEPS_OF_THE_DAY and given in _A_DAY:
        return quantity.value
    factor = units.factor(given, wanted) if given else None
    if factor is None:
        shown = repr(given) if CODE.fullmatch(given) else f"a text of {len(given):,} characters"
        raise Wrong(f"unit: met {shown} of {measure}, expected {', '.join(units.known_units(wanted))}")
    return quantity.value * factor[0] / factor[1]


def _items(items: Sequence[Item]) -> Iterator[Item]:
    for item in items:
        yield item
        yield from _items(item.item)
        for answer in item.answer:
            yield from _items(answer.item)


def _number(answer: Answer, measure: str) -> float:
    """A number, or what a coded answer is worth: its ordinal value, or a code that is a number."""
    coding, quantity = answer.value_coding, answer.value_quantity
    numbers: list[float | None] = [answer.value_integer, answer.value_decimal]
    if quantity is not None:
        numbers.append(quantity.value)
    if coding is not None:
        numbers += [e.value_decimal for e in coding.extension if e.url == _ORDINAL]
        if coding.code is not None and NUMBER.fullmatch(coding.code):
            numbers.append(float(coding.code))
    found = next((number for number in numbers if number is not None), None)
    if found is None:
        raise Wrong(f"answer: met no number for {measure}, expected a number or a code with one")
    return float(found)
