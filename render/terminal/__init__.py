"""What a person sees at a terminal: guarded output, progress, tables."""
