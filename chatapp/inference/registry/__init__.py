"""What is known of versions beside their record: where weights lie, what they say of themselves, what they need."""

from chatapp.inference.registry.facts import MemoryFacts, WeightFacts, estimate_for, facts_of
from chatapp.inference.registry.sources import check_sources, sources_of

__all__ = ["MemoryFacts", "WeightFacts", "check_sources", "estimate_for", "facts_of", "sources_of"]
