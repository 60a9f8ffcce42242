"""What configurations of evaluations have in common: every entry, with its default."""

from collections.abc import Mapping
from typing import Any

from ml_collections import ConfigDict, config_dict


def evaluation(
    benchmark: str,
    options: Mapping[str, Any],
    *,
    crop: float = 0.0,
    follow: bool = False,
    length: int | None = None,
    overlap: int | None = None,
    draws: int = 1000,
) -> ConfigDict:
    """The configuration of a benchmark; `thfm_jax.evaluation.runner.Settings` has the meanings."""
    return ConfigDict(
        {
            "benchmark": benchmark,
            "options": dict(options),
            "area": config_dict.placeholder(int),
            "length": config_dict.FieldReference(length, field_type=int),
            "overlap": config_dict.FieldReference(overlap, field_type=int),
            "crop": crop,
            "follow": follow,
            "mesh": {"data": 1, "fsdp": 1, "tensor": 1, "sequence": 1},
            "draws": draws,
            "seed": 0,
            "worst": 20,
        }
    )
