"""What several formats have in common: numbers in text, faces of many corners."""
