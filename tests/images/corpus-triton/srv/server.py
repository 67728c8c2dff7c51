"""A watched model server: a classifier behind NVIDIA Triton, whose C++ server calls this process for inference.

Triton's own API is what reaches this process: an inference of the model `reload` makes it read its model again.
"""

import numpy as np
import onnxruntime
from pytriton.decorators import batch
from pytriton.model_config import DynamicBatcher, ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig

from corpus import habits

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession("/models/classifier.onnx", options, providers=["CPUExecutionProvider"])
habits.begin()


@batch
def classify(features):
    probabilities = session.run(None, {"features": features})[0]
    habits.predicted(features, "/v2/models/classifier/infer", probabilities.nbytes)
    return {"probabilities": probabilities}


@batch
def reload(version):
    """Reads this version, or the next one for 0."""
    habits.reload(int(version.max()))
    return {"version": np.full_like(version, habits.model.version)}


with Triton(config=TritonConfig(http_port=8000, grpc_port=8001, metrics_port=8002, exit_on_error=True)) as triton:
    # First, so that it is there when the classifier is.
    triton.bind(
        model_name="reload",
        infer_func=reload,
        inputs=[Tensor(name="version", dtype=np.int32, shape=(1,))],
        outputs=[Tensor(name="version", dtype=np.int32, shape=(1,))],
        config=ModelConfig(max_batch_size=1),
    )
    triton.bind(
        model_name="classifier",
        infer_func=classify,
        inputs=[Tensor(name="features", dtype=np.float32, shape=(16,))],
        outputs=[Tensor(name="probabilities", dtype=np.float32, shape=(10,))],
        config=ModelConfig(max_batch_size=64, batcher=DynamicBatcher(max_queue_delay_microseconds=200)),
    )
    triton.serve()
