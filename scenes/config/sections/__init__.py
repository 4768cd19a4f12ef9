"""The keys that a config may have, a module for each section."""
