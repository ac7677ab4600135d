"""What evaluation does in an inference worker, beside people's answers."""
