"""From labels of real photos to the values that a config should draw."""
