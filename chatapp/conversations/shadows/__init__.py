"""Answers that a rollout's candidate writes unseen; written by `pipeline/shadow.py`."""
