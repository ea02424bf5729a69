"""Text and histories to vectors: `text`, `user`, `items`, `quantize`, `session`, `onnx_check`."""
