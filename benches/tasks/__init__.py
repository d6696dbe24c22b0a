"""What is measured: one file a task, each with ``tables(plan, peers)``, an iterator of filled Tables."""

from __future__ import annotations

NAMES = ("snapshot", "parsed", "delta", "dialects", "reads", "strategy", "private", "wire", "memory", "scaling")
