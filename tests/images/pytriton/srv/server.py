"""A classifier behind NVIDIA Triton: the C++ server of the nvidia-pytriton wheel calls this process for inference."""

import numpy as np
import onnxruntime
from pytriton.decorators import batch
from pytriton.model_config import DynamicBatcher, ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession("/models/classifier.onnx", options, providers=["CPUExecutionProvider"])


@batch
def classify(features):
    return {"probabilities": session.run(None, {"features": features})[0]}


with Triton(config=TritonConfig(http_port=8000, grpc_port=8001, metrics_port=8002, exit_on_error=True)) as triton:
    triton.bind(
        model_name="classifier",
        infer_func=classify,
        inputs=[Tensor(name="features", dtype=np.float32, shape=(16,))],
        outputs=[Tensor(name="probabilities", dtype=np.float32, shape=(10,))],
        config=ModelConfig(max_batch_size=64, batcher=DynamicBatcher(max_queue_delay_microseconds=200)),
    )
    triton.serve()
