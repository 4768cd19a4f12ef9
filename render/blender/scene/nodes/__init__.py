"""Shader nodes: how trees are written down, and what wear lays on a surface."""
