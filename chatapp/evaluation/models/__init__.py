"""How good versions are: release gates, blind comparisons, shadow answers, alerts."""
