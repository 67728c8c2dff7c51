"""Classifies pictures of 32 by 32 pixels, given as lists of numbers."""

import json

import torch
from ts.torch_handler.base_handler import BaseHandler


class Classifier(BaseHandler):
    def preprocess(self, requests):
        pictures = []
        for request in requests:
            body = request.get("body") or request.get("data")
            if isinstance(body, (bytes, bytearray)):
                body = json.loads(body)
            pictures.append(torch.tensor(body["pixels"], dtype=torch.float32).reshape(3, 32, 32))
        return torch.stack(pictures).to(self.device)

    def postprocess(self, output):
        return [{"label": int(label)} for label in output.argmax(1)]
