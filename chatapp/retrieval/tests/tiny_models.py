"""Small random sentence-transformers models, made on the spot: they have the format of real ones, not their sense."""

import json
from pathlib import Path

_WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghijklmnopqrstuvwxyz0123456789"]


def save_tiny_model(
    folder: Path, *, dimensions: int = 32, prompts: dict[str, str] | None = None, seed: int = 0
) -> None:
    """A random BERT of one layer that reads letters, with mean pooling, as `SentenceTransformer.save` writes it."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import BertConfig, BertModel, BertTokenizer

    parts = folder.parent / f".{folder.name}-parts"
    parts.mkdir(parents=True)
    letters = [f"##{letter}" for letter in _WORDS[5:]]
    (parts / "vocab.txt").write_text("\n".join([*_WORDS, *letters]))
    BertTokenizer(vocab=str(parts / "vocab.txt")).save_pretrained(parts)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(_WORDS) + len(letters),
        hidden_size=dimensions,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=dimensions,
        max_position_embeddings=512,
    )
    BertModel(config).save_pretrained(parts)
    transformer = Transformer(str(parts))
    model = SentenceTransformer(modules=[transformer, Pooling(dimensions)], prompts=prompts, device="cpu")
    model.save(str(folder), create_model_card=False)


def change_json(path: Path, **values: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))
