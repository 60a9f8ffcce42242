"""From prompts to token ids and to features, and the file that keeps the features.

Text is cleaned, cut into ids by the tokenizer that belongs to the text encoder, and padded to the
length that the trunk reads. The encoder itself comes in as a callable.
"""

import html
import json
import os
import re
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import ftfy
import jax.numpy as jnp
import numpy as np
import tokenizers
from jaxtyping import Array, Bool, Float, Float32, Int, Int32

from thfm_jax.data.spiece import load_spiece

PAD, EOS, UNK = 0, 1, 2

Encoder = Callable[[Int[Array, "B L"], Bool[Array, "B L"]], Float[Array, "B L D"]]


def clean(text: str) -> str:
    """`text` with broken Unicode repaired, HTML entities resolved, and single spaces for gaps.

    Source: wan/modules/tokenizers.py::basic_clean and whitespace_clean. Entities are resolved twice
    because captions from the web are often escaped twice.
    """
    text = html.unescape(html.unescape(ftfy.fix_text(text)))
    return re.sub(r"\s+", " ", text).strip()


class Tokenizer:
    """Prompts to ids: cleaned, ended by EOS = 1, padded with PAD = 0; UNK = 2 stands for the rest.

    `Tokenizer(encode)` wraps a function from clean text to its ids, EOS included.
    """

    def __init__(self, encode: Callable[[str], list[int]]):
        self._encode = encode

    @classmethod
    def load(cls, directory: str | os.PathLike) -> Self:
        """The tokenizer in a folder: `tokenizer.json`, or `spiece.model` where that is missing.

        Raises FileNotFoundError where there is neither, ValueError where the file is damaged.
        """
        tokenizer = _read_tokenizer(Path(directory))
        # Saved files carry the padding and truncation of whoever saved them.
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return cls(lambda text: tokenizer.encode(text).ids)

    def __call__(
        self, texts: Sequence[str], length: int
    ) -> tuple[Int32[np.ndarray, "B L"], Bool[np.ndarray, "B L"]]:
        """Ids of each prompt, padded to `length` = L, and a mask that is True where a token is.

        The empty prompt is EOS alone. Differs from Wan2.1, which cuts what is too long: a prompt of
        more than `length` tokens, EOS included, raises ValueError.
        """
        if isinstance(texts, str):
            raise TypeError(f"expected a sequence of prompts, got the single string {texts!r}")
        ids = np.full((len(texts), length), PAD, np.int32)
        mask = np.zeros((len(texts), length), bool)
        for row, text in enumerate(texts):
            tokens = self._encode(clean(text))
            if len(tokens) > length:
                raise ValueError(
                    f"a prompt has {len(tokens)} tokens but at most {length} fit, "
                    f"the end token included: {text[:60]!r}..."
                )
            ids[row, : len(tokens)] = tokens
            mask[row, : len(tokens)] = True
        return ids, mask


class ByteTokenizer(Tokenizer):
    """Tokenizer without a file: byte b of the UTF-8 text is id b + 3."""

    VOCABULARY = 384  # 259 ids, rounded up to a multiple of 128

    def __init__(self):
        super().__init__(lambda text: [byte + 3 for byte in text.encode()] + [EOS])


def _read_tokenizer(directory: Path) -> tokenizers.Tokenizer:
    path = directory / "tokenizer.json"
    if not path.exists():
        return _read_spiece(directory)
    try:
        return tokenizers.Tokenizer.from_file(str(path))
    except Exception as error:  # The package raises bare Exception.
        raise ValueError(f"{path} is no tokenizer file, or a damaged one: {error}") from error


def _read_spiece(directory: Path) -> tokenizers.Tokenizer:
    path = directory / "spiece.model"
    if not path.exists():
        raise FileNotFoundError(
            f"no tokenizer.json or spiece.model in {directory}; both lie in the folder tokenizer/ "
            "(diffusers layout) or google/umt5-xxl/ (original layout) of a Wan2.1 release"
        )
    return load_spiece(path)


def encode_prompts(
    encoder: Encoder, tokenizer: Tokenizer, texts: Sequence[str], length: int = 512
) -> tuple[Float32[Array, "B L D"], Int32[np.ndarray, "B"]]:
    """Text features as the trunk reads them, and the number of tokens of each prompt.

    Padding is masked in the encoder and its rows are zeroed afterwards, as in
    wan/modules/t5.py::T5EncoderModel.__call__ followed by the padding in WanModel.forward.
    """
    ids, mask = tokenizer(texts, length)
    lengths = mask.sum(axis=1, dtype=np.int32)
    # More padding changes nothing, so it is spared; steps of 32 keep the number of shapes low.
    used = min(length, -(-lengths.max() // 32) * 32)
    features = encoder(jnp.asarray(ids[:, :used]), jnp.asarray(mask[:, :used]))
    features = jnp.where(mask[:, :used, None], features.astype(jnp.float32), 0)
    return jnp.pad(features, ((0, 0), (0, length - used), (0, 0))), lengths


def save_features(
    path: str | os.PathLike, features: Mapping[str, tuple[str, Float[np.ndarray, "n D"]]]
) -> None:
    """Writes name -> (prompt, features without padding) as one .npz file, whole or not at all.

    Rows are stored as float32: exact for bfloat16 values too, and any NumPy reads it. The six task
    prompts of THFM take a few megabytes at UMT5-XXL's width.
    """
    arrays: dict[str, Any] = {
        f"features/{name}": np.asarray(rows, np.float32) for name, (_, rows) in features.items()
    }
    for name, rows in arrays.items():
        if rows.ndim != 2:
            raise ValueError(f"{name} must be [tokens, width], not of shape {rows.shape}")
    # JSON, because a NumPy string loses the zeros at its end.
    texts = json.dumps({name: text for name, (text, _) in features.items()})
    path = Path(path)
    partial = path.with_name(path.name + ".partial")
    try:
        with open(partial, "wb") as file:
            np.savez(file, texts=np.array(texts), **arrays)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def load_features(
    path: str | os.PathLike,
) -> dict[str, tuple[str, Float32[np.ndarray, "n D"]]]:
    """What `save_features` wrote; raises ValueError where the file is damaged or another one."""
    try:
        with open(path, "rb") as file, np.load(file) as arrays:
            texts = json.loads(str(arrays["texts"]))
            return {name: (text, arrays[f"features/{name}"]) for name, text in texts.items()}
    except (zipfile.BadZipFile, EOFError, LookupError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is no file of prompt features, or a damaged one") from error
