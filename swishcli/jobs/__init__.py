"""Many recordings: inputs → task on each → outcomes as they complete."""
