"""The Mesa agents: subclass one and override a method to change a rule for it."""

from abm.agents.manager import Manager
from abm.agents.patient import Patient
from abm.agents.person import Person
from abm.agents.physician import Physician
from abm.agents.staff import Staff

__all__ = ["Manager", "Patient", "Person", "Physician", "Staff"]
