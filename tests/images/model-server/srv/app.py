"""A small classifier behind FastAPI: the model server that the tests and the demo watch."""

import json
import os

import numpy as np
import onnxruntime
from fastapi import FastAPI, HTTPException, Request
from fastapi.concurrency import run_in_threadpool

import trigger

MODEL = "/models/classifier.onnx"


def load():
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(os.environ.get("ORT_THREADS", "1"))
    return onnxruntime.InferenceSession(MODEL, options, providers=["CPUExecutionProvider"])


app = FastAPI()
app.state.session = load()


def classify(instances):
    rows = np.asarray(instances, np.float32)
    (probabilities,) = app.state.session.run(None, {"features": rows})
    return {"labels": probabilities.argmax(axis=1).tolist()}


@app.get("/healthz")
def healthz():
    return {"ok": True}


@app.post("/predict")
async def predict(request: Request):
    body = await request.body()
    try:
        instances = json.loads(body)["instances"]
        answer = await run_in_threadpool(classify, instances)
    except (KeyError, TypeError, ValueError) as error:
        raise HTTPException(422, str(error)) from error
    await run_in_threadpool(trigger.fire, body)
    return answer


@app.post("/admin/reload")
def reload():
    app.state.session = load()
    return {"ok": True}
