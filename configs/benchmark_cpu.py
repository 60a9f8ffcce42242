"""Speed against diffusers on a CPU, in float32.

Command:
  python -m experiments.benchmark --config=configs/benchmark_cpu.py --output=benchmark_cpu.json

Hardware: two x86 cores and 24 GB; about 25 minutes. A short look: --config.layers=2 --config.vae=
Needs the packages of tests/requirements.txt for the comparison; without them only this package is
measured.

Result to expect: the trunk 1.9 times as fast as diffusers', the VAE 1.05 to 1.15 times.
docs/benchmarks.md has the figures.
"""

import ml_collections
from ml_collections import config_dict


def get_config() -> ml_collections.ConfigDict:
    config = ml_collections.ConfigDict()
    config.platform = "cpu"  # "" is JAX's choice
    config.threads = 2  # cores for everything; 0 takes all
    config.samples = 5  # measured runs of each program
    config.alternate = True  # competitors at hand at the same time, taking turns
    config.diffusers = True

    config.model = "wan_1_3b"
    config.layers = config_dict.placeholder(int)  # None: as the model has them
    config.compute = ml_collections.ConfigDict()
    config.compute.dtype = "float32"
    config.compute.vae_dtype = "float32"
    config.compute.attention = "auto"
    config.compute.conv = "auto"
    config.compute.vae_chunk = config_dict.placeholder(int)
    config.compute.tasks_at_once = 1

    # What to measure. Clips as FRAMESxHEIGHTxWIDTH in pixels, several with commas between; "" none.
    config.dit = "17x256x256"  # 5x32x32 latents
    config.vae = "9x128x128,17x256x256"
    config.predict = "17x256x256"  # the sample clip through thfm-tiny
    config.perceive = ""
    config.train = ""  # of whole train steps, with x CLIPS at the end
    # Convolutions of the VAE as FRAMESxHEIGHTxWIDTHxCHANNELS, and self-attention of so many tokens
    # with several bounds of the logits.
    config.convolution = "4x128x128x96,4x64x64x192,4x32x32x384"
    config.attention = "1280"
    config.logits_mib = "4,32,256"
    # The training loop around a null step of so many milliseconds.
    config.loop = "50,5"

    # Least speed, diffusers' being 1: to reach, and to hope for.
    config.bars = ml_collections.ConfigDict()
    config.bars.dit = (1.0,)
    config.bars.vae = (0.6, 0.8)
    config.bars.loop = 0.02  # at most, outside of a step of 50 ms
    return config
