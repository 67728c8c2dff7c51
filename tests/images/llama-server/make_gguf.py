"""Writes a LLaMA with random weights (4 layers of width 256, a vocabulary of bytes and characters) as GGUF.

Uses nothing but the standard library. The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import random
import struct
import sys

LAYERS, WIDTH, HEADS, INNER, CONTEXT = 4, 256, 8, 704, 2048
U32, I32, F32, STRING, ARRAY = 4, 5, 6, 8, 9
NORMAL, UNKNOWN, CONTROL, BYTE = 1, 2, 3, 6
TENSOR_F32, TENSOR_F16 = 0, 1
ALIGNMENT = 32

tokens = [("<unk>", UNKNOWN), ("<s>", CONTROL), ("</s>", CONTROL)]
tokens += [(f"<0x{byte:02X}>", BYTE) for byte in range(256)]
tokens += [(chr(code), NORMAL) for code in range(33, 127)] + [("\u2581", NORMAL)]


def string(text):
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def value(kind, item):
    if kind == STRING:
        return string(item)
    return struct.pack({U32: "<I", I32: "<i", F32: "<f"}[kind], item)


def pair(key, kind, item):
    return string(key) + struct.pack("<I", kind) + value(kind, item)


def array(key, kind, items):
    head = string(key) + struct.pack("<IIQ", ARRAY, kind, len(items))
    return head + b"".join(value(kind, item) for item in items)


pairs = [
    pair("general.architecture", STRING, "llama"),
    pair("general.name", STRING, "random"),
    pair("llama.context_length", U32, CONTEXT),
    pair("llama.embedding_length", U32, WIDTH),
    pair("llama.block_count", U32, LAYERS),
    pair("llama.feed_forward_length", U32, INNER),
    pair("llama.attention.head_count", U32, HEADS),
    pair("llama.attention.head_count_kv", U32, HEADS),
    pair("llama.attention.layer_norm_rms_epsilon", F32, 1e-5),
    pair("llama.rope.dimension_count", U32, WIDTH // HEADS),
    pair("llama.vocab_size", U32, len(tokens)),
    pair("tokenizer.ggml.model", STRING, "llama"),
    array("tokenizer.ggml.tokens", STRING, [token for token, _ in tokens]),
    array("tokenizer.ggml.scores", F32, [-float(rank) for rank in range(len(tokens))]),
    array("tokenizer.ggml.token_type", I32, [kind for _, kind in tokens]),
    pair("tokenizer.ggml.bos_token_id", U32, 1),
    pair("tokenizer.ggml.eos_token_id", U32, 2),
    pair("tokenizer.ggml.unknown_token_id", U32, 0),
    pair("tokenizer.chat_template", STRING, "{% for m in messages %}{{ m['content'] }}\n{% endfor %}"),
]

# Sizes as GGUF orders them: the innermost first.
shapes = {"token_embd": (WIDTH, len(tokens)), "output_norm": (WIDTH,), "output": (WIDTH, len(tokens))}
for layer in range(LAYERS):
    for name, shape in {
        "attn_q": (WIDTH, WIDTH),
        "attn_k": (WIDTH, WIDTH),
        "attn_v": (WIDTH, WIDTH),
        "attn_output": (WIDTH, WIDTH),
        "ffn_gate": (WIDTH, INNER),
        "ffn_up": (WIDTH, INNER),
        "ffn_down": (INNER, WIDTH),
        "attn_norm": (WIDTH,),
        "ffn_norm": (WIDTH,),
    }.items():
        shapes[f"blk.{layer}.{name}"] = shape

generator = random.Random(0)
deviates = [generator.gauss(0, WIDTH**-0.5) for _ in range(4096)]
halves = [struct.pack("<e", deviate) for deviate in deviates]


def padded(data):
    return data + bytes(-len(data) % ALIGNMENT)


infos, weights = [], b""
for name, shape in shapes.items():
    if len(shape) == 1:
        kind, data = TENSOR_F32, struct.pack(f"<{shape[0]}f", *[1.0] * shape[0])
    else:
        kind, data = TENSOR_F16, b"".join(generator.choices(halves, k=shape[0] * shape[1]))
    sizes = struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
    infos.append(string(f"{name}.weight") + sizes + struct.pack("<IQ", kind, len(weights)))
    weights += padded(data)

head = struct.pack("<4sIQQ", b"GGUF", 3, len(infos), len(pairs)) + b"".join(pairs + infos)
with open(sys.argv[1], "wb") as model:
    model.write(padded(head) + weights)
