"""Blind comparisons: which side an answer stands on, and what votes say of two versions."""
