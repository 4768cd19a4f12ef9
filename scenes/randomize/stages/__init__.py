"""Stages, one module a kind: what objects rest on and what stands around them, drawn from the config."""
