"""Planning, workers and finishing, overlapped, on this machine, and how it is shared out."""
