"""How things are told to a person: errors with their mend, names quoted and listed, the nearest name."""
