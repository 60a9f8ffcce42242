"""Scores of predictions on evaluation sets, each by its own protocol."""
