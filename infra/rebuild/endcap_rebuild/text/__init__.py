"""Texts to vectors: `vectors`, `whitening`, `encoders`."""
