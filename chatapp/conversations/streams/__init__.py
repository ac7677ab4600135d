"""Live text of running answers: one Redis Stream per generation, written by workers, read once per web process."""
