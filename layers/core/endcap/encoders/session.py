"""An onnxruntime session on one thread, from bytes."""

from __future__ import annotations

from threading import Lock
from typing import Any, Final

from endcap.errors import EncoderError

_ONE_AT_A_TIME: Final = Lock()
"""onnxruntime's sessions run side by side, but being made beside one another is not promised to be safe:
https://github.com/microsoft/onnxruntime/issues/27089. A process of the local stack serves several functions."""


def open_session(model: bytes) -> Any:
    """onnxruntime session on one thread of the CPU, for a graph that `check_graph` let through.

    Raises
    ------
    EncoderError : onnxruntime refuses the graph
    """
    import onnxruntime  # heavy; only what encodes pays for it

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.enable_mem_reuse = False  # planning reuse took 2/3 of the load time and saved no memory (docs/encoders.md)
    try:
        with _ONE_AT_A_TIME:
            return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as exc:  # onnxruntime's errors share no base class but Exception
        raise EncoderError("onnxruntime refuses the graph") from exc
