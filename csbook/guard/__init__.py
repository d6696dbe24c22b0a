"""Verdicts: pure functions of a state, an event and a time. They decide; the net obeys."""
