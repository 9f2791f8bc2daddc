"""The networks of make_model.py once more, computed with numpy alone."""
import numpy as np
from onnx import numpy_helper


def windows(x, kernel, stride, pad, fill):
    """[N, C, kernel, kernel, H, W]: what each place of the output sees."""
    x = np.pad(x, ((0, 0), (0, 0), (pad[0], pad[2]), (pad[1], pad[3])), constant_values=fill)
    h, w = ((x.shape[i + 2] - kernel[i]) // stride[i] + 1 for i in (0, 1))
    out = np.empty(x.shape[:2] + tuple(kernel) + (h, w), x.dtype)
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            out[:, :, i, j] = x[:, :, i:i + stride[0] * h:stride[0], j:j + stride[1] * w:stride[1]][:, :, :h, :w]
    return out


def convolve(x, weights, bias, kernel_shape, strides, pads, group):
    seen = windows(x, kernel_shape, strides, pads, 0)
    n, _, _, _, h, w = seen.shape
    seen = seen.reshape(n, group, -1, h, w)
    parts = np.einsum("goi,ngihw->ngohw", weights.reshape(group, weights.shape[0] // group, -1), seen)
    return parts.reshape(n, -1, h, w) + bias.reshape(1, -1, 1, 1)


def run(model, x):
    """The output of a network of one input, in double precision."""
    graph = model.graph
    value = {w.name: numpy_helper.to_array(w).astype(np.float64) for w in graph.initializer}
    value[graph.input[0].name] = x.astype(np.float64)
    for node in graph.node:
        attr = {a.name: list(a.ints) if a.ints else a.i for a in node.attribute}
        a = [value[name] for name in node.input]
        if node.op_type == "Conv":
            y = convolve(a[0], a[1], a[2], attr["kernel_shape"], attr["strides"], attr["pads"], attr.get("group", 1))
        elif node.op_type == "MaxPool":
            y = windows(a[0], attr["kernel_shape"], attr["strides"], attr.get("pads", [0] * 4), -np.inf).max((2, 3))
        elif node.op_type == "Relu":
            y = np.maximum(a[0], 0)
        elif node.op_type == "Add":
            y = a[0] + a[1]
        elif node.op_type == "GlobalAveragePool":
            y = a[0].mean((2, 3), keepdims=True)
        elif node.op_type == "Flatten":
            y = a[0].reshape(len(a[0]), -1)
        elif node.op_type == "Gemm":
            y = a[0] @ a[1].T + a[2]
        else:
            raise ValueError(f"no {node.op_type} here")
        value[node.output[0]] = y
    return value[graph.output[0].name].astype(np.float32)
