"""Load on the running product: many answers at once, read over the API and by pages."""
