"""Figures of answers that leave their band: how that is found, and how it is told. docs/rollouts.md, "Alerts"."""
