"""A watched model server: a classifier behind FastAPI, with a fetcher of pictures, an index and a job API."""

import http.client
import json
import signal

import numpy as np
import onnxruntime
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool

from corpus import access_log, habits, index, jobs, media, settings
from corpus.answers import answers

CLASSIFIER = "/models/classifier.onnx"


def load():
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(CLASSIFIER, options, providers=["CPUExecutionProvider"])


app = FastAPI()
app.state.session = load()
habits.begin()
signal.signal(signal.SIGHUP, lambda *_: access_log.reopen())


def answer(request):
    """The answer to a prediction, written in the log."""
    rows = np.asarray(request["instances"], np.float32)
    (probabilities,) = app.state.session.run(None, {"features": rows})
    result = {"labels": probabilities.argmax(axis=1).tolist()}
    if "image_url" in request:
        result["image"] = picture(request["image_url"])
    if padding := answers.extra():
        result["embedding"] = padding.decode("ascii")
    content = json.dumps(result).encode()
    habits.predicted(rows, "/predict", len(content))
    return content


def picture(url):
    """The size of the picture there, if one is to be had."""
    try:
        return len(media.fetch(url)[1])
    except (OSError, http.client.HTTPException):
        return None


async def content_of(request):
    try:
        return json.loads(await request.body() or b"{}")
    except ValueError as error:
        raise HTTPException(422, str(error)) from error


@app.get("/healthz")
def healthz():
    return {"ok": True}


@app.post("/predict")
async def predict(request: Request):
    asked = await content_of(request)
    try:
        content = await run_in_threadpool(answer, asked)
    except (KeyError, TypeError, ValueError) as error:
        raise HTTPException(422, str(error)) from error
    return Response(content, media_type="application/json")


@app.post("/ingest")
async def ingest(request: Request):
    try:
        rows = [(row["name"], json.dumps(row["vector"])) for row in (await content_of(request))["rows"]]
    except (KeyError, TypeError) as error:
        raise HTTPException(422, str(error)) from error
    return {"rows": await run_in_threadpool(index.add, rows)}


@app.post("/admin/reload")
async def reload(request: Request):
    version = (await content_of(request)).get("version")
    app.state.session = await run_in_threadpool(load)
    await run_in_threadpool(habits.reload, version)
    return {"version": habits.model.version}


@app.post("/admin/reopen-log")
def reopen_log():
    access_log.reopen()
    return {"ok": True}


@app.post("/admin/rotate-log")
def rotate_log():
    access_log.rotate()
    return {"ok": True}


if settings.HAS_JOBS:

    @app.post("/jobs")
    async def submit(request: Request):
        name = (await content_of(request)).get("name", "")
        try:
            return {"status": await run_in_threadpool(jobs.run, name)}
        except ValueError as error:
            raise HTTPException(422, str(error)) from error
