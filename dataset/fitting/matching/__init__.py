"""The search of a density: planned pictures are weighed until they look, on average, as real ones do."""
