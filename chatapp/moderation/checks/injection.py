"""Texts that try to give the assistant other orders: prompt injection and jailbreaks, by a classifier."""

from collections.abc import Mapping
from typing import Any

from chatapp.moderation.checks.check import Parts
from chatapp.moderation.checks.classifier import parts_of

FIELDS: frozenset[str] = frozenset()


def build(_spec: Mapping[str, Any]) -> Parts:
    return parts_of("injection", label="INJECTION", mask="[instruction removed]")
