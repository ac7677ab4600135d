"""`python -m chatapp.inference.doctor` says what this machine and this build of llama.cpp offer, and what to set."""
