"""Reads a sentencepiece model of the T5 family, so that `spiece.model` alone is enough.

The file is a protobuf message (sentencepiece_model.proto::ModelProto) of which only the pieces and
the normaliser's character map are needed; reading these by hand saves two dependencies.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers, processors

# Field numbers of ModelProto, SentencePiece and NormalizerSpec, and values of SentencePiece.Type.
_PIECES, _NORMALIZER = 1, 3
_TEXT, _SCORE, _TYPE = 1, 2, 3
_CHARSMAP = 2
_NORMAL, _UNKNOWN, _CONTROL, _USER_DEFINED = 1, 2, 3, 4

# Protobuf wire types: a variable-length integer, bytes after their count, and fixed byte counts.
_VARINT, _BYTES = 0, 2
_FIXED_SIZES = {1: 8, 5: 4}

_EOS, _UNK = 1, 2
_EOS_TEXT = "</s>"


def load_spiece(path: Path) -> Tokenizer:
    """The tokenizer of a `spiece.model`; it ends every text with `</s>`.

    Characters outside the vocabulary become `<unk>` even where the model has byte pieces: so does
    transformers::T5Tokenizer, which Wan2.1 uses. Raises ValueError where the file is no
    sentencepiece model of the T5 family.
    """
    pieces, charsmap = _read(path)
    if len(pieces) <= _UNK or pieces[_EOS][0] != _EOS_TEXT:
        raise ValueError(f"{path} is no T5 model: its pieces do not begin with pad, </s>, unk")
    vocabulary = [(text, score) for text, score, _ in pieces]
    tokenizer = Tokenizer(models.Unigram(vocabulary, _UNK, byte_fallback=False))
    if charsmap:
        tokenizer.normalizer = normalizers.Precompiled(charsmap)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(prepend_scheme="always")]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single=["$A", _EOS_TEXT], special_tokens=[(_EOS_TEXT, _EOS)]
    )
    for text, _, kind in pieces:
        if kind in (_UNKNOWN, _CONTROL, _USER_DEFINED):
            special = kind != _USER_DEFINED
            tokenizer.add_tokens([AddedToken(text, normalized=False, special=special)])
    return tokenizer


def _read(path: Path) -> tuple[list[tuple[str, float, int]], bytes]:
    """Text, score and type of each piece, and the normaliser's character map."""
    pieces, charsmap = [], b""
    defaults: dict[int, Any] = {_SCORE: bytes(4), _TYPE: _NORMAL}
    try:
        for number, value in _fields(path.read_bytes()):
            if number == _PIECES:
                piece = defaults | dict(_fields(value))
                (score,) = struct.unpack("<f", piece[_SCORE])
                pieces.append((piece[_TEXT].decode(), score, piece[_TYPE]))
            elif number == _NORMALIZER:
                charsmap = dict(_fields(value)).get(_CHARSMAP, b"")
    except (AttributeError, LookupError, TypeError, ValueError, struct.error) as error:
        raise ValueError(f"{path} is no sentencepiece model, or a damaged one") from error
    return pieces, charsmap


def _fields(message: bytes) -> Iterator[tuple[int, Any]]:
    """(number, value) of each field of a protobuf message."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        if key & 7 == _VARINT:
            value: Any
            value, at = _varint(message, at)
        else:
            size, at = _varint(message, at) if key & 7 == _BYTES else (_FIXED_SIZES[key & 7], at)
            value, at = message[at : at + size], at + size
            if at > len(message):
                raise ValueError("the message ends inside a field")
        yield key >> 3, value


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """The integer at `at`, seven bits a byte, low bits first, and the position after it."""
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 127) << shift
        shift, at = shift + 7, at + 1
        if byte < 128:
            return value, at
