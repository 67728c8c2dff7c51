"""A classifier behind BentoML: an arbiter and two workers, requests in batches."""

import bentoml
import numpy as np
import onnxruntime


@bentoml.service(workers=2, traffic={"timeout": 30})
class Classifier:
    def __init__(self):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(
            "/models/classifier.onnx", options, providers=["CPUExecutionProvider"]
        )

    @bentoml.api(batchable=True, max_batch_size=32, max_latency_ms=1000)
    def predict(self, instances: np.ndarray) -> np.ndarray:
        return self.session.run(None, {"features": instances.astype(np.float32)})[0]
