"""How plan *i* becomes pixels: engines, workers, executors and the command line."""
