"""From a scene to pictures and their ground truth."""
