"""A watched model server: a classifier behind BentoML; an arbiter and two workers, requests in batches."""

import bentoml
import numpy as np
import onnxruntime

from corpus import habits


@bentoml.service(workers=2, traffic={"timeout": 30})
class Classifier:
    def __init__(self):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(
            "/models/classifier.onnx", options, providers=["CPUExecutionProvider"]
        )
        habits.begin()

    @bentoml.api(batchable=True, max_batch_size=32, max_latency_ms=1000)
    def predict(self, instances: np.ndarray) -> np.ndarray:
        rows = instances.astype(np.float32)
        probabilities = self.session.run(None, {"features": rows})[0]
        habits.predicted(rows, "/predict", probabilities.nbytes)
        return probabilities

    @bentoml.api(route="/admin/reload")
    def reload(self) -> dict:
        """Reloads the model of the worker that gets the request."""
        habits.reload()
        return {"version": habits.model.version}
