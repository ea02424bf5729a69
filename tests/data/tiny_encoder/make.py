"""Writes the tiny encoder that fast tests use. Run: python tests/data/tiny_encoder/make.py [FOLDER]

It has never been trained: a text's vector is the sum of seeded random rows, picked by a hash of each window of 3 and
of 6 bytes (one and two Chinese characters). Texts that share words, in any script, come out near each other, and
everything else about it is a real encoder: ONNX graph, tokenizer, config.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from endcap.encoders.text import CONFIG_FILE, MODEL_FILE, TOKENIZER_FILE, EncoderConfig

D_TEXT, ROWS = 32, 251  # a prime number of rows spreads the hash
MULTIPLIERS = (1, 263, 69_169, 2_741, 720_883, 15_331)
WINDOWS = (3, 6)
CONFIG = EncoderConfig(name="tiny", language="multilingual", prefix="", max_tokens=256, d_text=D_TEXT)


def tokenizer() -> str:
    symbols = ["[BOS]", "[EOS]", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    tok = Tokenizer(models.BPE(vocab={s: i for i, s in enumerate(symbols)}, merges=[]))
    tok.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tok.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True, use_regex=False)
    tok.post_processor = processors.TemplateProcessing(
        single="[BOS] $A [EOS]", special_tokens=[("[BOS]", 0), ("[EOS]", 1)]
    )
    return str(tok.to_str())


def graph() -> bytes:
    table = np.random.default_rng(20_000).integers(-127, 128, (ROWS, D_TEXT)).astype(np.int8)
    widest = max(WINDOWS)
    constants = {
        "table": table,
        "padding": np.array([0, 0, 0, widest - 1], np.int64),
        "axis_1": np.array([1], np.int64),
        "axis_2": np.array([2], np.int64),
        "rows": np.int64(ROWS),
    }
    nodes = [helper.make_node("Pad", ["input_ids", "padding"], ["padded"])]  # (b, n + 5)
    for i, multiplier in enumerate(MULTIPLIERS):
        constants[f"start_{i}"] = np.array([i], np.int64)
        constants[f"end_{i}"] = np.array([i - widest + 1 if i < widest - 1 else np.iinfo(np.int64).max], np.int64)
        constants[f"multiplier_{i}"] = np.int64(multiplier)
        nodes += [
            helper.make_node("Slice", ["padded", f"start_{i}", f"end_{i}", "axis_1"], [f"shifted_{i}"]),  # (b, n)
            helper.make_node("Mul", [f"shifted_{i}", f"multiplier_{i}"], [f"term_{i}"]),
        ]
    total = "term_0"
    sums = []
    for i in range(1, widest):
        nodes.append(helper.make_node("Add", [total, f"term_{i}"], [f"hash_{i}"]))
        total = f"hash_{i}"
        if i + 1 in WINDOWS:
            nodes += [
                helper.make_node("Mod", [total, "rows"], [f"row_{i}"]),
                helper.make_node("Gather", ["table", f"row_{i}"], [f"levels_{i}"]),  # (b, n, 32)
                helper.make_node("Cast", [f"levels_{i}"], [f"values_{i}"], to=TensorProto.FLOAT),
            ]
            sums.append(f"values_{i}")
    nodes += [
        helper.make_node("Add", sums, ["values"]),
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["mask", "axis_2"], ["mask_3d"]),
        helper.make_node("Mul", ["values", "mask_3d"], ["masked"]),
        helper.make_node("ReduceSum", ["masked", "axis_1"], ["sum"], keepdims=0),  # (b, 32)
        helper.make_node("ReduceL2", ["sum", "axis_1"], ["norm"], keepdims=1),
        helper.make_node("Div", ["sum", "norm"], ["embedding"]),
    ]
    model = helper.make_model(
        helper.make_graph(
            nodes,
            "tiny",
            [helper.make_tensor_value_info(n, TensorProto.INT64, ["b", "n"]) for n in ("input_ids", "attention_mask")],
            [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["b", D_TEXT])],
            [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
        ),
        opset_imports=[helper.make_opsetid("", 20)],
        ir_version=9,
        producer_name="endcap",
    )
    return bytes(model.SerializeToString(deterministic=True))


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MODEL_FILE).write_bytes(graph())
    (folder / TOKENIZER_FILE).write_text(tokenizer(), encoding="utf-8")
    (folder / CONFIG_FILE).write_text(CONFIG.to_json(), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
