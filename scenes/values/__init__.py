"""How a value is drawn: distributions, and random streams keyed by what is decided."""
