"""YOLO: a line of text an object, as Ultralytics trains on it."""
