"""A small model for each operator and each of its forms: as a network has it, and computed from constants."""
import numpy as np
from onnx import TensorProto, helper, numpy_helper

F, I64 = np.float32, np.int64
UNARY = """Relu Elu Selu Sigmoid HardSigmoid HardSwish Tanh Softplus Erf Exp Log Sqrt Abs Neg Floor Ceil Reciprocal
Celu Mish Softsign ThresholdedRelu Shrink Round Sign Sin Cos Tan Asin Acos Atan Sinh Cosh Asinh Acosh Atanh
LeakyRelu Softmax Hardmax LogSoftmax Flatten Identity Dropout Size Shape Transpose Squeeze Clip
MeanVarianceNormalization LpNormalization Trilu GlobalMaxPool GlobalAveragePool GlobalLpPool""".split()
ARITHMETIC = "Add Sub Mul Div Pow Min Max Sum Mean Mod".split()
COMPARISONS = "Equal Greater GreaterOrEqual Less LessOrEqual".split()
REDUCTIONS = "Mean Sum Max Min Prod L1 L2 LogSum LogSumExp SumSquare".split()
OPSETS = {"Mish": 18, "Gelu": 20, "GroupNormalization": 18, "LayerNormalization": 17}


def numbers(*dims, dtype=F, low=-2, seed=3):
    if dtype in (F, np.float64, np.float16):
        return np.random.default_rng(seed).uniform(low, 2, dims).astype(dtype)
    return np.random.default_rng(seed).integers(0 if np.dtype(dtype).kind == "u" else low, 5, dims).astype(dtype)


def ints(*values):
    return np.array(values, I64)


def scalar(value, dtype=F):
    return np.array(value, dtype)


class Case:
    """An operator on `data` and constants; an input of None is left out."""

    def __init__(self, name, op, data, *rest, version=13, domain="", outputs=1, **attributes):
        self.name, self.op, self.inputs = name, op, (data, *rest)
        self.version = max(version, OPSETS.get(op, 1))
        self.domain, self.outputs, self.attributes = domain, outputs, attributes

    def model(self, constant):
        names = [f"c{i}" if x is not None else "" for i, x in enumerate(self.inputs)]
        nodes, weights = [], []
        data = self.inputs[0]
        for name, x in zip(names, self.inputs):
            if x is not None and (constant or name != names[0]):
                weights.append(numpy_helper.from_array(np.ascontiguousarray(x).reshape(np.shape(x)), name))
        if not constant and data.dtype != F:
            kind = numpy_helper.from_array(data).data_type
            nodes.append(helper.make_node("Cast", ["x"], [names[0]], to=kind))
        elif not constant:
            names[0] = "x"
        outs = [f"y{k}" for k in range(self.outputs)]
        nodes.append(helper.make_node(self.op, names, outs, domain=self.domain, **self.attributes))
        nodes.append(helper.make_node("Cast", [outs[-1]], ["f"], to=TensorProto.FLOAT))
        shape = ["N", 2] if constant else list(data.shape)
        if constant:
            nodes += [helper.make_node("ReduceMean", ["f"], ["s"], keepdims=0), helper.make_node("Add", ["x", "s"], ["z"])]
        else:
            nodes[-1].output[0] = "z"
        info = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in (("x", shape), ("z", None))]
        graph = helper.make_graph(nodes, "g", info[:1], info[1:], weights)
        domains = [helper.make_opsetid("", self.version)]
        if self.domain:
            domains.append(helper.make_opsetid(self.domain, 1))
        return helper.make_model(graph, opset_imports=domains, ir_version=8, producer_name="")


def elementwise():
    for op in UNARY:
        yield Case(op, op, numbers(1, 3, 4, 4), version=17 if op == "LpNormalization" else 14)
    for op, attributes in (("Gelu", {}), ("Gelu", {"approximate": "tanh"})):
        yield Case(f"{op}{len(attributes)}", op, numbers(1, 3, 4), **attributes)
    for op in ARITHMETIC:
        for dtype in (F, I64, np.int32, np.uint8):
            if not (op == "Mean" and dtype != F):
                yield Case(f"{op}_{np.dtype(dtype)}", op, numbers(1, 3, 2, dtype=dtype),
                           numbers(3, 1, dtype=dtype, low=1) + dtype(1), **({"fmod": 1} if op == "Mod" and dtype == F else {}))
    for op in COMPARISONS:
        for dtype in (F, np.int32):
            yield Case(f"{op}_{np.dtype(dtype)}", op, numbers(1, 3, 2, dtype=dtype), numbers(3, 1, dtype=dtype))
    for op in ("And", "Or", "Xor"):
        yield Case(op, op, numbers(1, 3, 2) > 0, numbers(3, 1) > 0)
    for op in ("Abs", "Neg", "Relu", "Sign", "Clip"):
        yield Case(op + "_ints", op, numbers(1, 5, dtype=np.int32), version=14)
    yield Case("not", "Not", numbers(1, 3) > 0)
    yield Case("is_nan", "IsNaN", numbers(1, 3))
    yield Case("is_inf", "IsInf", numbers(1, 3), detect_negative=0)
    yield Case("bit_shift", "BitShift", numbers(1, 3, dtype=np.uint8), numbers(3, dtype=np.uint8), direction="LEFT")
    yield Case("where", "Where", numbers(1, 3, 2) > 0, numbers(3, 2), numbers(2))
    yield Case("clip", "Clip", numbers(1, 3), scalar(-1), scalar(1))
    yield Case("clip_old", "Clip", numbers(1, 3), version=6, min=-1.0, max=1.0)
    yield Case("prelu", "PRelu", numbers(1, 3, 4, 4), numbers(3, 1, 1))


def windows():
    picture, kernel = numbers(1, 4, 7, 6), numbers(4, 2, 3, 3)
    yield Case("conv", "Conv", picture, kernel, numbers(4), group=2, pads=[1, 0, 1, 2], strides=[2, 1])
    yield Case("conv_same", "Conv", picture, numbers(3, 4, 3, 2), auto_pad="SAME_UPPER", dilations=[2, 1])
    yield Case("conv_depthwise", "Conv", picture, numbers(4, 1, 3, 3), group=4, pads=[1] * 4)
    yield Case("conv_1d", "Conv", numbers(1, 3, 9), numbers(2, 3, 3), pads=[1, 1])
    yield Case("conv_3d", "Conv", numbers(1, 2, 4, 4, 4), numbers(2, 2, 2, 2, 2), pads=[1] * 6)
    yield Case("conv_transpose", "ConvTranspose", picture, kernel, numbers(4), group=2, strides=[2, 2],
               output_padding=[1, 0])
    yield Case("conv_transpose_shape", "ConvTranspose", picture, numbers(4, 3, 3, 3), strides=[2, 3],
               output_shape=[13, 18])
    for op, more in (("MaxPool", {"ceil_mode": 1}), ("AveragePool", {"count_include_pad": 1}), ("LpPool", {"p": 3})):
        yield Case(op, op, picture, kernel_shape=[3, 2], strides=[2, 2], pads=[1, 0, 1, 1],
                   **(more if op != "LpPool" else {"p": 3}))
        yield Case(op + "_1d", op, numbers(1, 3, 9), kernel_shape=[4], auto_pad="SAME_LOWER")
    yield Case("max_pool_3d", "MaxPool", numbers(1, 2, 4, 4, 4), kernel_shape=[2, 2, 2], dilations=[1, 2, 1])
    yield Case("max_pool_indices", "MaxPool", picture, outputs=2, kernel_shape=[2, 2], storage_order=1)


def norms():
    c = [numbers(3, low=0.5, seed=s) for s in range(4)]
    picture = numbers(1, 3, 4, 5)
    yield Case("batch_norm", "BatchNormalization", picture, *c)
    yield Case("batch_norm_old", "BatchNormalization", picture, *c, version=6, is_test=1)
    yield Case("instance_norm", "InstanceNormalization", picture, c[0], c[1])
    yield Case("layer_norm", "LayerNormalization", picture, numbers(5), numbers(5), axis=-1)
    yield Case("layer_norm_outputs", "LayerNormalization", picture, numbers(4, 5), outputs=3, axis=2)
    yield Case("group_norm", "GroupNormalization", numbers(1, 4, 3, 3), numbers(2), numbers(2), num_groups=2)
    yield Case("group_norm_21", "GroupNormalization", numbers(1, 4, 3), numbers(4), numbers(4), version=21, num_groups=2)
    yield Case("lrn", "LRN", picture, size=3, alpha=0.1, beta=0.7, bias=1.5)


def products():
    yield Case("gemm", "Gemm", numbers(1, 4), numbers(3, 4), numbers(3), transB=1, alpha=0.5, beta=2.0)
    yield Case("gemm_trans", "Gemm", numbers(1, 3), numbers(1, 4), numbers(3, 4), transA=1)
    yield Case("gemm_old", "Gemm", numbers(1, 4), numbers(4, 3), numbers(3), version=6, broadcast=1)
    yield Case("matmul", "MatMul", numbers(1, 2, 3, 4), numbers(2, 4, 2))
    yield Case("matmul_vector", "MatMul", numbers(1, 4), numbers(4))
    for i, (equation, dims) in enumerate((("bij,jk->bik", (4, 3)), ("...i,...j", (2,)), ("bii->bi", ()),
                                          ("bij->ji", ()), ("bhi,bhj->bij", (1, 4, 2)))):
        data = numbers(1, 4, 4)
        yield Case(f"einsum{i}", "Einsum", data, *([numbers(*dims)] if dims else []), equation=equation)


def reductions():
    for kind in REDUCTIONS:
        for dtype in (F, np.int32):
            yield Case(f"reduce_{kind}_{np.dtype(dtype)}", "Reduce" + kind, numbers(1, 3, 4, dtype=dtype), ints(1, -1),
                       version=18, keepdims=0)
        yield Case(f"reduce_{kind}_old", "Reduce" + kind, numbers(1, 3, 4), version=11, axes=[2])
    yield Case("reduce_noop", "ReduceSum", numbers(1, 3), noop_with_empty_axes=1)
    for op in ("ArgMax", "ArgMin"):
        yield Case(op, op, numbers(1, 3, 4), axis=-1, keepdims=0, select_last_index=1)
        yield Case(op + "_ints", op, numbers(1, 4, dtype=np.int8), axis=1)
    yield Case("top_k", "TopK", numbers(1, 7), ints(3), outputs=2, axis=-1)
    yield Case("top_k_least", "TopK", numbers(1, 2, 5, dtype=I64), ints(2), version=11, outputs=2, axis=1, largest=0)
    yield Case("cum_sum", "CumSum", numbers(1, 5), scalar(1, np.int32), exclusive=1, reverse=1)


def movement():
    picture = numbers(1, 4, 4, 6)
    yield Case("concat", "Concat", picture, numbers(1, 1, 4, 6), numbers(1, 2, 4, 6), axis=1)
    yield Case("split", "Split", picture, ints(1, 3), outputs=2, axis=1)
    yield Case("split_even", "Split", picture, version=18, outputs=3, axis=3, num_outputs=3)
    yield Case("split_old", "Split", picture, version=11, outputs=2, axis=-1, split=[2, 4])
    yield Case("slice", "Slice", picture, ints(3, 0), ints(-5, 6), ints(1, 3), ints(-1, 2))
    yield Case("slice_old", "Slice", picture, version=9, starts=[1], ends=[-1], axes=[2])
    for mode in ("constant", "reflect", "edge", "wrap"):
        yield Case(f"pad_{mode}", "Pad", picture, ints(0, 1, 2, 0, 0, 1, 0, 3), version=19, mode=mode)
    yield Case("pad_axes", "Pad", picture, ints(1, -1), scalar(0.5), ints(-1), version=18)
    yield Case("pad_old", "Pad", picture, version=10, pads=[0, 0, 1, 1, 0, 0, 1, 1], value=2.0)
    yield Case("pad_ints", "Pad", numbers(1, 3, dtype=I64), ints(0, 1, 0, 2), scalar(7, I64))
    yield Case("reshape", "Reshape", picture, ints(0, -1, 8))
    yield Case("flatten", "Flatten", picture, axis=-2)
    yield Case("transpose", "Transpose", picture, perm=[0, 2, 3, 1])
    yield Case("squeeze", "Squeeze", numbers(1, 3, 1, 2), ints(2))
    yield Case("squeeze_old", "Squeeze", numbers(1, 3, 1, 2), version=11, axes=[2])
    yield Case("unsqueeze", "Unsqueeze", numbers(1, 3), ints(1, -1))
    yield Case("unsqueeze_old", "Unsqueeze", numbers(1, 3), version=11, axes=[1])
    yield Case("expand", "Expand", numbers(1, 3, 1), ints(2, 1, 3, 4))
    yield Case("tile", "Tile", numbers(1, 3), ints(1, 2))
    for mode in ("DCR", "CRD"):
        yield Case(f"depth_to_space_{mode}", "DepthToSpace", picture, blocksize=2, mode=mode)
    yield Case("space_to_depth", "SpaceToDepth", picture, blocksize=2)
    yield Case("trilu", "Trilu", numbers(1, 4, 4), scalar(1, I64), version=14, upper=0)
    yield Case("eye_like", "EyeLike", numbers(1, 4), k=1, dtype=TensorProto.INT32)
    yield Case("shape", "Shape", picture, version=15, start=1, end=-1)
    for to in ("FLOAT16", "INT8", "UINT8", "BOOL", "INT64", "DOUBLE", "UINT16", "INT32"):
        yield Case(f"cast_{to}", "Cast", numbers(1, 3), to=getattr(TensorProto, to))
    yield Case("cast_like", "CastLike", numbers(1, 3), numbers(1, dtype=np.int16), version=15)


def indices():
    data = numbers(1, 4, 3)
    yield Case("gather", "Gather", data, ints(2, -1), axis=1)
    yield Case("gather_scalar", "Gather", data, scalar(1, np.int32), axis=2)
    yield Case("gather_elements", "GatherElements", data, np.ones((1, 2, 3), I64), axis=1)
    yield Case("gather_nd", "GatherND", data, np.array([[[0, 1], [3, -1]]], I64), batch_dims=1)
    for reduction in ("none", "add", "mul", "max", "min"):
        yield Case(f"scatter_elements_{reduction}", "ScatterElements", data, np.array([[[1, 0, 2]]], I64), numbers(1, 1, 3),
                   version=18, axis=1, reduction=reduction)
        yield Case(f"scatter_nd_{reduction}", "ScatterND", data, np.array([[0, 1], [0, 3]], I64), numbers(2, 3), version=18,
                   reduction=reduction)
    yield Case("one_hot", "OneHot", numbers(1, 3, dtype=I64), scalar(4, I64), numbers(2), axis=1)
    yield Case("constant_of_shape", "ConstantOfShape", ints(1, 3), value=numpy_helper.from_array(numbers(1)))
    yield Case("range", "Range", scalar(1), scalar(5), scalar(1.5))
    yield Case("range_ints", "Range", scalar(9, I64), scalar(-1, I64), scalar(-3, I64))


def resizing():
    picture = numbers(1, 2, 4, 5)
    for mode in ("nearest", "linear", "cubic"):
        yield Case(f"resize_{mode}", "Resize", picture, None, np.array([1, 1, 1.5, 2], F),
                   mode=mode)
        yield Case(f"resize_{mode}_sizes", "Resize", picture, None, None, ints(7, 3), version=18, mode=mode, axes=[2, 3],
                   antialias=int(mode != "nearest"), keep_aspect_ratio_policy="not_larger")
    for way in ("align_corners", "asymmetric", "pytorch_half_pixel", "half_pixel_symmetric", "tf_crop_and_resize"):
        yield Case(f"resize_{way}", "Resize", picture, numbers(8, low=0), None, ints(1, 2, 6, 6), version=19, mode="linear",
                   coordinate_transformation_mode=way, extrapolation_value=1.0)
    for how in ("floor", "ceil", "round_prefer_ceil"):
        yield Case(f"resize_{how}", "Resize", picture, None, None, ints(1, 2, 3, 9), nearest_mode=how)
    yield Case("upsample", "Upsample", picture, np.array([1, 1, 2, 3], F), version=9, mode="linear")
    yield Case("upsample_old", "Upsample", picture, version=7, scales=[1.0, 1.0, 2.0, 2.0])


def quantised():
    u8, s8 = np.uint8, np.int8
    picture, weights = numbers(1, 3, 5, 5, dtype=u8), numbers(4, 3, 3, 3, dtype=s8)
    half, zero, nought = scalar(0.5), scalar(3, u8), scalar(0, s8)
    microsoft = {"domain": "com.microsoft"}
    yield Case("quantize", "QuantizeLinear", numbers(1, 3, 2), half, zero)
    yield Case("quantize_axis", "QuantizeLinear", numbers(1, 3, 2), numbers(3, low=1), np.zeros(3, s8), axis=1)
    yield Case("quantize_blocks", "QuantizeLinear", numbers(1, 4, 2), numbers(1, 2, 2, low=1), version=21, axis=1, block_size=2)
    yield Case("dequantize", "DequantizeLinear", picture, half, zero)
    yield Case("dequantize_axis", "DequantizeLinear", weights[:1], numbers(3, low=1), np.zeros(3, s8), axis=1)
    yield Case("dynamic_quantize", "DynamicQuantizeLinear", numbers(1, 6), outputs=3)
    yield Case("qlinear_conv", "QLinearConv", picture, half, zero, weights, numbers(4, low=1), np.zeros(4, s8), scalar(2), zero,
               numbers(4, dtype=np.int32), pads=[1] * 4, strides=[2, 1])
    yield Case("conv_integer", "ConvInteger", picture, weights, zero, nought)
    yield Case("qlinear_matmul", "QLinearMatMul", numbers(1, 2, 4, dtype=u8), half, zero, numbers(4, 3, dtype=s8), half, nought,
               scalar(2), zero)
    yield Case("matmul_integer", "MatMulInteger", numbers(1, 4, dtype=u8), numbers(4, 3, dtype=s8), zero, np.zeros(3, s8))
    for op in ("QLinearAdd", "QLinearMul"):
        yield Case(op, op, picture, half, zero, numbers(3, 1, 1, dtype=u8), half, zero, scalar(1), zero, **microsoft)
    yield Case("qgemm", "QGemm", numbers(1, 4, dtype=u8), half, zero, numbers(3, 4, dtype=s8), half, nought,
               numbers(3, dtype=np.int32), scalar(1), zero, transB=1, **microsoft)
    yield Case("qpool", "QLinearAveragePool", picture, half, zero, scalar(1), zero, kernel_shape=[3, 3], pads=[1] * 4,
               **microsoft)
    yield Case("qglobal", "QLinearGlobalAveragePool", picture, half, zero, scalar(1), zero, channels_last=0, **microsoft)
    for op in ("QLinearSigmoid", "QLinearLeakyRelu"):
        yield Case(op, op, picture, half, zero, scalar(0.01), zero, **microsoft)
    yield Case("qsoftmax", "QLinearSoftmax", numbers(1, 6, dtype=u8), half, zero, scalar(1 / 256), scalar(0, u8), opset=13,
               axis=-1, **microsoft)


class QuantisedConcat(Case):
    """Its scale and zero point come before its data."""

    def model(self, constant):
        model = super().model(constant)
        node = next(n for n in model.graph.node if n.op_type == "QLinearConcat")
        data = node.input[0]
        del node.input[0]
        node.input.insert(2, data)
        return model


def seeds():
    """(name, bytes)"""
    u8 = np.uint8
    concat = QuantisedConcat("qconcat", "QLinearConcat", numbers(1, 2, 3, dtype=u8), scalar(0.5), scalar(3, u8), scalar(0.5),
                             scalar(3, u8), numbers(1, 2, 3, dtype=u8), scalar(1), scalar(0, u8), domain="com.microsoft", axis=1)
    families = (elementwise, windows, norms, products, reductions, movement, indices, resizing, quantised, lambda: [concat])
    for case in (case for family in families for case in family()):
        for constant in (False, True):
            yield f"op_{case.name}{'_constant' if constant else ''}", case.model(constant).SerializeToString()
