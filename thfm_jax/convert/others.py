"""Checkpoints that look like Wan2.1 text-to-video and are not: named, and refused.

Converting one of them would stop at its unknown tensors anyway; here it is told what it is.
"""

import json
from pathlib import Path

from thfm_jax.convert.errors import ConversionError
from thfm_jax.convert.stored import StoredTensor

# Parts of tensor names -> what a file with such a name is.
_MARKS = (
    (
        (".lora_", "lora_A", "lora_B", "lora_down", "lora_up", ".diff_b"),
        "a LoRA, which holds changes to a model and no model: merge it into its base first",
    ),
    (
        ("weight_scale", "scale_weight", "scaled_fp8", ".qweight", ".absmax", ".SCB", "scale_inv"),
        "quantised: take the float32, bfloat16 or float16 weights",
    ),
    (("vace_",), "Wan VACE, which has control blocks besides those of text-to-video"),
    (
        ("img_emb.", "k_img", "add_k_proj", "image_embedder."),
        "an image-to-video model (I2V or FLF2V), which needs CLIP features of an image",
    ),
    (
        ("downsamples.0.downsamples.", "upsamples.0.upsamples.", "down_blocks.0.resnets."),
        "the VAE of Wan2.2, whose stages are nested",
    ),
)
_PIPELINE = "WanPipeline"
_SUPPORTED = "Only Wan2.1 text-to-video (1.3B, 14B, or another size of it) is supported"


def refuse_folder(root: Path) -> None:
    """Raises ConversionError where the files around the weights say that it is another model."""
    if (root / "high_noise_model").is_dir() or (root / "transformer_2").is_dir():
        raise ConversionError(f"{root} is Wan2.2 A14B, a pair of two transformers. {_SUPPORTED}")
    index = root / "model_index.json"
    if not index.is_file():
        return
    described = read_json(index)
    if (described.get("transformer_2") or [None])[0] or described.get("boundary_ratio") is not None:
        raise ConversionError(
            f"{index} describes Wan2.2 A14B: it names a second transformer or a boundary_ratio "
            f"between two. {_SUPPORTED}; if this is one, remove that entry"
        )
    if described.get("expand_timesteps"):
        raise ConversionError(f"{index} describes Wan2.2 TI2V 5B. {_SUPPORTED}")
    if (name := described.get("_class_name", _PIPELINE)) != _PIPELINE:
        raise ConversionError(f"{index} describes a {name}, not a {_PIPELINE}. {_SUPPORTED}")


def refuse_tensors(file: Path, tensors: dict[str, StoredTensor]) -> None:
    """Raises ConversionError where names, shapes or dtypes say that it is another model."""
    for marks, kind in _MARKS:
        named = next((name for name in tensors if any(mark in name for mark in marks)), None)
        if named:
            raise ConversionError(f"{file} is {kind} (it has {named}). {_SUPPORTED}")
    patch = tensors.get("patch_embedding.weight")
    channels = patch.shape[1] if patch and len(patch.shape) == 5 else None
    if channels == 36:
        raise ConversionError(
            f"{file} is an image-to-video model (36 input channels). {_SUPPORTED}"
        )
    if channels == 48:
        raise ConversionError(f"{file} is Wan2.2 TI2V 5B (48 latent channels). {_SUPPORTED}")
    for name, tensor in tensors.items():
        if tensor.dtype.kind in "iub" or tensor.dtype.itemsize == 1:
            raise ConversionError(
                f"{file}: {name} is {tensor.dtype}, no weight in floating point: the file is "
                f"quantised, or no Wan2.1. {_SUPPORTED}"
            )


def read_json(file: Path) -> dict:
    """The JSON object in a file; raises ConversionError where it holds none."""
    try:
        described = json.loads(file.read_text())
    except ValueError as error:
        raise ConversionError(f"{file} is not valid JSON: {error}") from error
    if not isinstance(described, dict):
        raise ConversionError(f"{file} does not hold a JSON object")
    return described
