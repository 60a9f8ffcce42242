"""The progress bar that every long step shows."""

import tqdm


def progress(total: int, what: str, done: int = 0) -> tqdm.tqdm:
    """A bar in bytes, of which `done` were there before."""
    return tqdm.tqdm(
        total=total, initial=done, desc=what, unit="B", unit_scale=True, dynamic_ncols=True
    )
