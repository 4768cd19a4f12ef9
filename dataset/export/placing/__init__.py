"""Where an export goes: complete or absent under its name, and as new as the records are."""
