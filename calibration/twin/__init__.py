"""The streaming twin: an online filter over states, people and parameters of the whole clinic, fed by the event log."""
