"""Hate, harassment, threats, sexual content and self-harm, by a classifier with one score for all of them."""

from collections.abc import Mapping
from typing import Any

from chatapp.moderation.checks.check import Parts
from chatapp.moderation.checks.classifier import parts_of

FIELDS: frozenset[str] = frozenset()


def build(_spec: Mapping[str, Any]) -> Parts:
    return parts_of("toxicity", label="TOXICITY", mask="[offensive text removed]")
