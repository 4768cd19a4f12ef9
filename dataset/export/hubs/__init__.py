"""Layouts of programs and places that hold datasets: Hugging Face, WebDataset, FiftyOne."""
