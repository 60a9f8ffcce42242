"""Seconds, TFLOP/s and share of the peak on one accelerator, in bfloat16.

Command:
  python -m experiments.benchmark --config=configs/benchmark_gpu.py --output=benchmark_gpu.json

Hardware: one GPU or TPU; 16 GB hold the weights, 80 GB the train steps. Needs no PyTorch. Where the
memory does not hold a size the others are still measured; --config.dit=, --config.vae=,
--config.perceive= and --config.train= choose.

Result to expect: not measured yet. The goals for an H200 are in docs/benchmarks.md.
"""

import ml_collections
from ml_collections import config_dict


def get_config() -> ml_collections.ConfigDict:
    config = ml_collections.ConfigDict()
    config.platform = ""
    config.threads = 0
    config.samples = 10
    config.alternate = False  # one process at a time holds the device
    config.diffusers = False

    config.model = "wan_1_3b"
    config.layers = config_dict.placeholder(int)
    config.compute = ml_collections.ConfigDict()
    config.compute.dtype = "bfloat16"
    config.compute.vae_dtype = "bfloat16"
    config.compute.attention = "auto"
    config.compute.conv = "auto"
    config.compute.vae_chunk = config_dict.placeholder(int)
    config.compute.tasks_at_once = 1
    config.compute.remat = "full"

    config.train = "17x512x384x16,45x480x640x4"  # the last number is that of clips
    # See configs/benchmark_cpu.py.
    config.dit = "81x480x832,17x512x384"
    config.vae = "81x480x832,17x512x384"
    config.predict = ""  # the sample clip through thfm-tiny
    config.perceive = "81x480x832,17x512x384"
    config.convolution = "16x480x832x96,16x240x416x192,16x120x208x384"
    config.attention = "7800"
    config.logits_mib = "256,1024,4096"
    config.loop = "50,5"

    config.bars = ml_collections.ConfigDict()
    config.bars.dit = ()
    config.bars.vae = ()
    config.bars.loop = 0.02
    return config
