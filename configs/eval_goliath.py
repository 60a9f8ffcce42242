"""Goliath: depth or normals of people in a capture dome, rendered from their meshes.

The data: facebookresearch/goliath, gated; depth and normals have to be rendered:
thfm_jax/data/benchmarks/goliath.py. `--config=configs/eval_goliath.py:face` takes faces,
`:upper_body` and `:full_body` the others, `:face_normals` and so on normals instead of depth.

    python -m experiments.evaluate --config=configs/eval_goliath.py --data=DIR \
        --model=DIR --output=DIR

Published for THFM, depth RMSE: face 0.021, upper body 0.028, full body 0.037 m. DAViD prints
decimetres, `--config.options.unit` says what your files are in.
"""

from ml_collections import ConfigDict

from configs.evaluation import evaluation


def get_config(which: str = "full_body") -> ConfigDict:
    return evaluation(
        f"goliath_{which}",
        {
            "split": which.removesuffix("_normals"),
            "subjects": 4,
            "cameras": 12,
            "frames": 16,
            "fps": 30.0,
            "check": True,
            **({"axes": "viewer"} if which.endswith("_normals") else {"unit": "m"}),
        },
    )
