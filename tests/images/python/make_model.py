"""Writes a classifier with random weights (16 features, 10 classes, about 8 MiB) as ONNX."""

import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

WIDTHS = [16, 1024, 1024, 1024, 10]

random = np.random.default_rng(0)
nodes, weights = [], []
value = "features"
for layer, (width, height) in enumerate(zip(WIDTHS, WIDTHS[1:])):
    matrix = random.standard_normal((width, height)) * np.sqrt(2 / width)
    weights.append(numpy_helper.from_array(matrix.astype(np.float32), f"w{layer}"))
    nodes.append(helper.make_node("MatMul", [value, f"w{layer}"], [f"m{layer}"]))
    nodes.append(helper.make_node("Relu", [f"m{layer}"], [f"r{layer}"]))
    value = f"r{layer}"
nodes.append(helper.make_node("Softmax", [value], ["probabilities"]))
graph = helper.make_graph(
    nodes,
    "classifier",
    [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["rows", WIDTHS[0]])],
    [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["rows", WIDTHS[-1]])],
    weights,
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
onnx.checker.check_model(model)
onnx.save(model, sys.argv[1])
