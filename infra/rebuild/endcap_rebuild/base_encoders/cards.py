"""The model card that travels with each base encoder."""

from __future__ import annotations

from pathlib import Path

from endcap_rebuild.base_encoders.recipes import RECIPES, EncoderName


def model_card(name: EncoderName) -> str:
    """Markdown: what it is, its licence, how it was made, what it measured."""
    recipe = RECIPES[name]
    text = (Path(__file__).parent / f"{name}.card.md").read_text(encoding="utf-8")
    digests = "\n".join(f"- `{file}` sha256 {digest}" for file, digest in recipe.sha256.items())
    return f"{text}\n## Files\n\n{digests}\n"
