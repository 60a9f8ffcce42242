"""Readers of evaluation sets in the layouts that they are released in, one module each."""
