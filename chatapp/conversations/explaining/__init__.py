"""Why an answer is as it is: for its employee in plain words, for operators with figures and without texts."""
