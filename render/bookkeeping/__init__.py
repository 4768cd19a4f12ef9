"""The book-keeping of a run: what is there already, run.json, shards, what is left to write at its end."""
