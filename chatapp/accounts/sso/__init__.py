"""Single sign-on: identity providers, what is fetched from them, and what their answers are believed."""
