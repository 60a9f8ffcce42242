"""Synthetic people in video with exact ground truth, from permissively licensed assets.

The world frame is right-handed: x right, y up, metres, the ground at y = 0. A person at rest stands
on the origin, faces +z and has the left hand at +x. The camera frame is OpenCV's: x right, y down,
z forward. Image points are pixels with pixel centres at +0.5. Everything here is NumPy and Numba:
rendering processes need no JAX.
"""
