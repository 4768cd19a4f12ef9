"""Datasets that scanstage 0.1.0 made of the toy scans; see ``tests/dataset/records/test_datasets_of_0_1.py``."""
