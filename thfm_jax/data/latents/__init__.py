"""Latents of training clips, stored once so that no training encodes them again.

record.py says what is stored of a clip, plan.py what of a whole cache and from what it was made,
reading.py opens one. They are written where models are known: `training.caching`.
"""
