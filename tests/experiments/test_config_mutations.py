"""Every field of an experiment file changed by hypothesis: a clear refusal, or an experiment that can be planned."""

import copy
import string

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from abm.layout import make_layout
from abm.parameters import ENTRIES, Parameters
from experiments.clinics import Clinics
from experiments.config import Experiment, load_config
from experiments.plan import Plan
from experiments.yaml_source import ConfigError

GOOD = {
    "name": "good", "description": "Which?", "source": "assumed", "engine": "jax", "physicians": 10, "days": "8 weeks",
    "warm_up_days": 28, "period_days": 28, "replicates": 3, "draws": 1, "seed": 1,
    "parameters": {"visit_minutes": "18 min", "patience_days": {"value": 20, "unit": "day"}},
    "conditions": [{"start_day": 28, "days": 28, "parameters": {"trust": 0.4}, "factors": {"hire_days": 2}}],
    "outcomes": ["kept", "exhaustion"],
    "design": {"method": "sobol", "points": 4, "seed": 1, "axes": [
        {"parameter": "rooming_minutes", "low": 4, "high": "9 min"}, {"dose_of": "scribe", "levels": [0, "50 %", 1]}]},
    "scenarios": [
        {"name": "scribes", "conditions": [], "interventions": [
            {"kind": "scribe", "start_day": "2 weeks", "ramp_days": 7, "stagger_days": 1, "decision_days": 2,
             "pods": [0]},
            {"kind": "wellbeing", "doses": [0.5, 1], "physicians": [0, 1]}]},
        {"name": "assistants", "interventions": [{"kind": "extra_medical_assistant", "dose": "0.5 FTE"}]},
    ],
}  # fmt: skip
TEXT = st.text(string.printable, max_size=12) | st.text(max_size=6)
NUMBERS = st.integers(-3, 400) | st.integers() | st.floats() | st.sampled_from([0, 1, 7, 28, 56, 2**63, 10**400])
UNITS = st.builds(
    "{} {}".format, st.integers(-5, 400) | st.floats(), st.sampled_from(["min", "weeks", "days", "%", "FTE"])
)
NAMES = st.sampled_from(
    ["kept", "scribe", "wellbeing", "jax", "mesa", "baseline", "table", "morris", "factorial", "scribes"]
)
SCALARS = st.none() | st.booleans() | NUMBERS | TEXT | UNITS | NAMES
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT | NAMES, inner, max_size=3), max_leaves=5
)


def paths(content, path=()):
    """Every place in the file."""
    yield path
    items = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, value in items:
        yield from paths(value, (*path, key))


PLACES = [path for path in paths(GOOD) if path]


@st.composite
def mutated(draw):
    """The good file with one to three changes: a value replaced, a key removed, renamed or added, an item doubled."""
    content = copy.deepcopy(GOOD)
    for _ in range(draw(st.integers(1, 3))):
        *way, last = draw(st.sampled_from(PLACES))
        try:
            inside = content
            for key in way:
                inside = inside[key]
            how = draw(st.sampled_from(["replace", "replace", "replace", "remove", "rename", "double"]))
            if how == "replace":
                inside[last] = draw(VALUES)
            elif how == "remove":
                del inside[last]
            elif how == "rename" and isinstance(inside, dict):
                inside[draw(TEXT | NAMES)] = inside.pop(last)
            elif isinstance(inside, list):
                inside.insert(last, inside[last])
        except (KeyError, IndexError, TypeError):  # an earlier change took the place away
            continue
    return content


def judged(content, load):
    """Load it: refused in words, or planned. Whether it was accepted."""
    try:
        experiment = load(content)
    except ConfigError as refusal:
        message = str(refusal)
        assert message and len(message) < 4000 and "Traceback" not in message
        return False
    assert Experiment.model_validate(yaml.safe_load(experiment.to_yaml())) == experiment
    if experiment.physicians > 100 or (experiment.draws or 1) > 1:
        return True
    try:
        plan = Plan(experiment, Clinics(make_layout(experiment.physicians), (Parameters(**experiment.parameters),)))
        scenarios = len(plan.scenarios)
    except ValueError as refusal:  # what only the plan can see: labels that are equal, factors at the ends of a design
        assert "expected" in str(refusal)
        return False
    rows = plan.block(plan.blocks - 1).rows(0, 2)
    for scenario in range(min(scenarios, 3)):
        for name, value in vars(plan.parameters(rows, scenario, 0)).items():
            assert (value >= ENTRIES[name].low - 1e-9).all() if hasattr(value, "all") else value >= ENTRIES[name].low
        doses = plan.doses(rows, scenario)
        assert doses is None or (doses >= 0).all()
    return True


def test_the_good_file_is_accepted():
    assert judged(GOOD, Experiment.model_validate)


@settings(max_examples=400, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(mutated())
def test_changed_content_is_refused_in_words_or_planned(content):
    judged(content, Experiment.model_validate)


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_changed_text_is_refused_in_words_or_planned(tmp_path_factory, data):
    text = yaml.safe_dump(GOOD, sort_keys=False)
    first = data.draw(st.integers(0, len(text)))
    insert = st.sampled_from(
        ["!!python/name:os.system ", "&a ", "*a", "{", "[", "- ", ": ", "\t", "? ", "<<: ", "\0", "'"]
    )
    changed = text[:first] + data.draw(insert | TEXT) + text[first + data.draw(st.integers(0, 8)) :]
    path = tmp_path_factory.getbasetemp() / "changed.yaml"
    path.write_bytes(changed.encode("utf-8", "surrogatepass"))
    judged(path, load_config)
