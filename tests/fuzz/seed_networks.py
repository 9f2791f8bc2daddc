"""What an .onnx file may have besides single operators: branches, quantised layers, every encoding of a tensor."""
import numpy as np
from onnx import TensorProto, helper, numpy_helper

from seed_operators import I64, numbers, scalar

node = helper.make_node


def model(nodes, weights=(), shape=(1, 3, 4)):
    """From x to y; weights are tensors, or arrays by name."""
    if isinstance(weights, dict):
        weights = [numpy_helper.from_array(array, name) for name, array in weights.items()]
    info = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in (("x", shape), ("y", None))]
    graph = helper.make_graph(nodes, "g", info[:1], info[1:], list(weights))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def quantised():
    """A convolution and a sum between QuantizeLinear and DequantizeLinear, as exporters write them."""
    weights = {"w": numbers(4, 3, 3, 3, dtype=np.int8), "b": numbers(4, dtype=np.int32), "s": scalar(0.5),
               "z": scalar(3, np.uint8), "ws": numbers(4, low=1), "wz": np.zeros(4, np.int8), "bs": numbers(4, low=1),
               "bz": np.zeros(4, np.int32)}
    nodes = [node("QuantizeLinear", ["x", "s", "z"], ["q"]), node("DequantizeLinear", ["q", "s", "z"], ["d"]),
             node("DequantizeLinear", ["w", "ws", "wz"], ["dw"], axis=0),
             node("DequantizeLinear", ["b", "bs", "bz"], ["db"], axis=0),
             node("Conv", ["d", "dw", "db"], ["c"], pads=[1] * 4), node("Relu", ["c"], ["r"]),
             node("QuantizeLinear", ["r", "s", "z"], ["rq"]), node("DequantizeLinear", ["rq", "s", "z"], ["e"]),
             node("Add", ["e", "e"], ["a"]), node("QuantizeLinear", ["a", "s", "z"], ["aq"]),
             node("DequantizeLinear", ["aq", "s", "z"], ["f"]), node("GlobalAveragePool", ["f"], ["y"])]
    yield "quantised", model(nodes, weights, ("N", 3, 6, 6))


def quantised_layers():
    """One operator each between DequantizeLinear and QuantizeLinear, behind a Relu or not."""
    weights = {"s": scalar(0.5), "z": scalar(3, np.uint8), "t": scalar(2), "w": numbers(4, 4, dtype=np.int8),
               "ws": numbers(4, low=1), "wz": np.zeros(4, np.int8), "b": numbers(4), "shape": np.array([1, -1], I64),
               "one": np.array([1], I64), "two": np.array([2], I64), "wide": np.array([2, 1, 4, 4, 4], I64)}
    layers = {"MatMul": (["d", "dw"], {}), "Gemm": (["d", "dw", "b"], {"transB": 1}), "Add": (["d", "d"], {}),
              "Mul": (["d", "d"], {}), "Concat": (["d", "d"], {"axis": 1}), "AveragePool": (["d"], {"kernel_shape": [2, 2]}),
              "GlobalAveragePool": (["d"], {}), "Sigmoid": (["d"], {}), "LeakyRelu": (["d"], {}), "Softmax": (["d"], {}),
              "MaxPool": (["d"], {"kernel_shape": [2, 2]}), "Reshape": (["d", "shape"], {}), "Flatten": (["d"], {}),
              "Unsqueeze": (["d", "one"], {}), "Transpose": (["d"], {}), "Slice": (["d", "one", "two", "one"], {}),
              "Gather": (["d", "one"], {"axis": 1}), "Expand": (["d", "wide"], {})}
    for op, (inputs, attributes) in layers.items():
        for clamp in (False, True):
            end, scale = ("r" if clamp else "o"), ("s" if op in ("Concat", "MaxPool", "Reshape", "Transpose") else "t")
            dims = (1, 4) if op == "Gemm" else (1, 4, 4, 4)
            nodes = [node("QuantizeLinear", ["x", "s", "z"], ["q"]), node("DequantizeLinear", ["q", "s", "z"], ["d"]),
                     node("DequantizeLinear", ["w", "ws", "wz"], ["dw"], axis=0 if op == "Gemm" else 1),
                     node(op, inputs, ["o"], **attributes), node("Relu", ["o"], ["r"]),
                     node("QuantizeLinear", [end, scale, "z"], ["p"]), node("DequantizeLinear", ["p", scale, "z"], ["y"])]
            yield f"quantised_{op}{'_relu' if clamp else ''}", model(nodes, weights, dims)


def branches():
    """An If whose condition is known when the model is loaded."""
    for condition in (True, False):
        out = helper.make_tensor_value_info("t", TensorProto.FLOAT, None)
        sides = [helper.make_graph([node(op, ["x"], ["t"])], op, [], [out]) for op in ("Relu", "Neg")]
        nodes = [node("Shape", ["x"], ["d"]), node("Gather", ["d", "two"], ["w"]),
                 node("Equal", ["w", "four" if condition else "two"], ["c"]),
                 node("If", ["c"], ["y"], then_branch=sides[0], else_branch=sides[1])]
        yield f"if_{condition}", model(nodes, {"two": scalar(2, I64), "four": scalar(4, I64)})


def encodings():
    """A weight of each type, its numbers as raw bytes, in the field for the type, and in a file that is not there."""
    for name in "FLOAT FLOAT16 BFLOAT16 DOUBLE INT8 UINT8 INT16 UINT16 INT32 UINT32 INT64 UINT64 BOOL".split():
        kind = getattr(TensorProto, name)
        size = {"16": 2, "32": 4, "64": 8, "LE": 8, "AT": 4}.get(name[-2:], 1)
        typed = TensorProto(name="w", data_type=kind, dims=[4])
        {"FLOAT": typed.float_data, "DOUBLE": typed.double_data, "INT64": typed.int64_data, "UINT32": typed.uint64_data,
         "UINT64": typed.uint64_data}.get(name, typed.int32_data).extend([0, 1, 2, 3])
        raw = TensorProto(name="w", data_type=kind, dims=[4], raw_data=bytes(range(4 * size)))
        outside = TensorProto(name="w", data_type=kind, dims=[4], data_location=TensorProto.EXTERNAL)
        for key, value in (("location", "weights.bin"), ("offset", "0"), ("length", str(4 * size))):
            outside.external_data.add(key=key, value=value)
        nodes = [node("Cast", ["w"], ["f"], to=TensorProto.FLOAT), node("Add", ["x", "f"], ["y"])]
        for how, tensor in (("typed", typed), ("raw", raw), ("outside", outside)):
            yield f"weights_{name}_{how}", model(nodes, [tensor])


def constants():
    """The forms of a Constant."""
    for i, value in enumerate(({"value_float": 1.5}, {"value_floats": [1.0, 2.0, 3.0, 4.0]},
                               {"value": numpy_helper.from_array(numbers(4))})):
        yield f"constant_{i}", model([node("Constant", [], ["c"], **value), node("Mul", ["x", "c"], ["y"])])
    for name, op, value in (("int", "Gather", {"value_int": 0}), ("ints", "Reshape", {"value_ints": [1, -1]})):
        yield f"constant_{name}", model([node("Constant", [], ["c"], **value), node(op, ["x", "c"], ["y"])])


def idioms():
    """Nodes that passes put together."""
    weights = {"w": numbers(8, 8, 3, 3), "v": numbers(8, 4, 1, 1), "s": numbers(8, 1, 1, low=0.5), "one": scalar(1),
               "two": scalar(2), "g": numbers(16), "half": scalar(0.5), "root": scalar(2 ** 0.5), "pads": np.array([0, 0, 1, 1, 0, 0, 1, 1], I64),
               "split": np.array([1, 2, 4, 16, 16], I64), "join": np.array([1, 8, 16, 16], I64)}
    trunk = [node("Conv", ["x", "w"], ["c"], pads=[1] * 4)]
    gelu = [node("Div", ["c", "root"], ["d"]), node("Erf", ["d"], ["e"]), node("Add", ["e", "one"], ["a"]),
            node("Mul", ["c", "a"], ["m"]), node("Mul", ["m", "half"], ["y"])]
    silu = [node("Sigmoid", ["c"], ["e"]), node("Mul", ["c", "e"], ["m"]), node("Add", ["m", "x"], ["a"]),
            node("Relu", ["a"], ["y"])]
    affine = [node("Mul", ["c", "s"], ["m"]), node("Add", ["m", "s"], ["a"]), node("Clip", ["a", "one", "root"], ["y"])]
    padded = [node("Pad", ["c", "pads"], ["p"]), node("Conv", ["p", "w"], ["y"])]
    layer_norm = [node("ReduceMean", ["c"], ["m"], axes=[-1]), node("Sub", ["c", "m"], ["d"]), node("Pow", ["d", "two"], ["p"]),
                  node("ReduceMean", ["p"], ["u"], axes=[-1]), node("Add", ["u", "one"], ["e"]), node("Sqrt", ["e"], ["q"]),
                  node("Div", ["d", "q"], ["n"]), node("Mul", ["n", "g"], ["k"]), node("Add", ["k", "g"], ["y"])]
    gemm = [node("GlobalAveragePool", ["c"], ["p"]), node("Flatten", ["p"], ["f"]), node("Gemm", ["f", "f", "one"], ["y"], transB=1)]
    shuffle = [node("Reshape", ["c", "split"], ["r"]), node("Transpose", ["r"], ["t"], perm=[0, 2, 1, 3, 4]),
               node("Reshape", ["t", "join"], ["u"]), node("Conv", ["u", "v"], ["y"], group=2)]
    for name, tail in (("gelu", gelu), ("silu", silu), ("affine", affine), ("padded", padded), ("shuffle", shuffle),
                       ("layer_norm", layer_norm), ("gemm", gemm)):
        yield f"idiom_{name}", model(trunk + tail, weights, (1, 8, 16, 16))


def seeds():
    """(name, bytes)"""
    for family in (quantised, quantised_layers, branches, encodings, constants, idioms):
        for name, made in family():
            yield name, made.SerializeToString()
