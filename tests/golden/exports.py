"""What PyTorch's own exporter writes, of torchvision's networks and of small ones for what they leave out: the
same scores as onnxruntime's. Wants Debian's python3-torch and python3-torchvision, and minutes."""
import importlib
import os
import warnings

import numpy as np

from compare import near_scores
from runners import Failure

OPSETS = (12, 17)
NETWORKS = ("alexnet squeezenet1_0 resnet18 resnext50_32x4d densenet121 googlenet mobilenet_v2 mobilenet_v3_small "
            "mnasnet0_5 shufflenet_v2_x0_5 efficientnet_b0 efficientnet_v2_s regnet_x_400mf regnet_y_400mf "
            "convnext_tiny swin_t maxvit_t vit_b_32 vgg11_bn").split()


def small(torch):
    """{name: a function of a feature map of 16 channels, and its modules}"""
    nn, f = torch.nn, torch.nn.functional
    cases = {name.lower(): (lambda x, m: m(x), getattr(nn, name)()) for name in
             "PReLU ELU SELU GELU SiLU Mish Softplus Softsign Hardswish Hardsigmoid LogSigmoid Tanhshrink ReLU6".split()}

    def attend(x, m):
        rows = x.flatten(2).transpose(1, 2)
        return m(rows, rows, rows)[0].transpose(1, 2).reshape(x.shape)

    return {**cases,
            "pixel_shuffle": (lambda x: f.pixel_shuffle(x, 2),),
            "upsample_nearest": (lambda x: f.interpolate(x, scale_factor=2),),
            "upsample_linear": (lambda x: f.interpolate(x, scale_factor=1.5, mode="bilinear", align_corners=False),),
            "upsample_corners": (lambda x: f.interpolate(x, size=(20, 30), mode="bilinear", align_corners=True),),
            "upsample_cubic": (lambda x: f.interpolate(x, scale_factor=2, mode="bicubic"),),
            "upsample_like": (lambda x: f.interpolate(f.avg_pool2d(x, 2), size=x.shape[2:], mode="bilinear") + x,),
            "transposed": (lambda x, m: m(x), nn.ConvTranspose2d(16, 8, 3, 2, 1, output_padding=1, groups=4)),
            "group_norm": (lambda x, m: m(x), nn.GroupNorm(4, 16)),
            "instance_norm": (lambda x, m: m(x), nn.InstanceNorm2d(16, affine=True)),
            "layer_norm": (lambda x, m: m(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2), nn.LayerNorm(16)),
            "lrn": (lambda x, m: m(x), nn.LocalResponseNorm(5)),
            "lp_pool": (lambda x: f.lp_pool2d(x, 2, 2),),
            "max_pool_ceil": (lambda x: f.max_pool2d(x, 3, 2, ceil_mode=True),),
            "max_pool_dilated": (lambda x: f.max_pool2d(x, 3, 2, padding=1, dilation=2),),
            "avg_pool_ceil": (lambda x: f.avg_pool2d(x, 3, 2, 1, ceil_mode=True, count_include_pad=False),),
            "pad_reflect": (lambda x: f.pad(x, (1, 2, 3, 1), mode="reflect"),),
            "pad_edge": (lambda x: f.pad(x, (1, 2, 3, 1), mode="replicate"),),
            "slices": (lambda x: x[:, 2:, 1::2, :-3],),
            "roll": (lambda x: torch.roll(x, (3, 2), (2, 3)),),
            "gate_by_halves": (lambda x: f.glu(x, dim=1),),
            "top_k": (lambda x: x.topk(3, dim=1)[0],),
            "where": (lambda x: torch.where(x > 0.1, x, x * 0.3 - 1),),
            "deviation": (lambda x: x / (x.std((2, 3), keepdim=True) + 1),),
            "unit_vectors": (lambda x: f.normalize(x, dim=1),),
            "attention": (attend, nn.MultiheadAttention(16, 4, batch_first=True)),
            "conv1d": (lambda x, m: m(x.flatten(2)).reshape(x.shape), nn.Conv1d(16, 16, 5, padding=2)),
            "conv3d": (lambda x, m: m(x[:, None]).squeeze(1), nn.Conv3d(1, 1, 3, padding=1)),
            "channel_shuffle": (lambda x: x.view(x.shape[0], 4, 4, *x.shape[2:]).transpose(1, 2).reshape(x.shape),),
            "unfold": (lambda x: f.unfold(x, 3, padding=1).view(x.shape[0], -1, *x.shape[2:]),),
            "standardised_weights": (lambda x, m: f.conv2d(x, (m.weight - m.weight.mean((1, 2, 3), keepdim=True)) /
                                                           m.weight.std((1, 2, 3), keepdim=True)), nn.Conv2d(16, 8, 3)),
            "efficient_channel_attention": (lambda x, m: x * torch.sigmoid(m(x.mean((2, 3)).unsqueeze(1)))
                                            .transpose(1, 2).unsqueeze(-1), nn.Conv1d(1, 1, 3, padding=1))}


def wrap(torch, function, *modules):
    """A whole network around a function of a feature map."""
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = torch.nn.ModuleList(modules)
            self.stem = torch.nn.Conv2d(3, 16, 3, 2, 1)
            self.tail, self.head = torch.nn.LazyConv2d(16, 1), torch.nn.Linear(16, 10)

        def forward(self, x):
            x = function(torch.relu(self.stem(x)), *self.inner)
            return self.head(self.tail(x).mean((2, 3)))
    net = Net()
    net(torch.randn(2, 3, 64, 64))
    return net.eval()


def network(torch, models, name):
    """With statistics in its batch norms, and a last layer that is not zero."""
    extra = {"init_weights": False, "aux_logits": False} if name == "googlenet" else {}
    net = getattr(models, name)(weights=None, **extra)
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None
        if isinstance(module, torch.nn.Linear) and module.out_features == 1000:
            torch.nn.init.normal_(module.weight, std=0.05)
    with torch.no_grad():
        net.train()(torch.randn(4, 3, 224, 224))
    return net.eval()


def check_export(torch, engine, oracle, path, net, size, opset):
    """Batches of any size in every other opset, as people export them."""
    axes = {"input": {0: "n"}, "output": {0: "n"}} if opset == OPSETS[0] else None
    torch.onnx.export(net, torch.randn(1, 3, size, size), path, opset_version=opset, input_names=["input"],
                      output_names=["output"], dynamic_axes=axes)
    values = np.random.default_rng(1).standard_normal((2, 3, size, size)).astype(np.float32)
    want = oracle.run(path, values)
    engine.load(path, max_batch=2)
    return near_scores(engine.run(values, 2), want, f"opset {opset}")


def check_exports(report, engine, oracle, folder, only):
    try:
        torch, models = importlib.import_module("torch"), importlib.import_module("torchvision").models
    except ImportError as missing:
        report.skip("exports", missing)
        return
    warnings.filterwarnings("ignore")
    torch.manual_seed(0)
    nets = {name: lambda name=name: (network(torch, models, name), 224) for name in NETWORKS}
    nets |= {name: lambda case=case: (wrap(torch, *case), 64) for name, case in small(torch).items()}
    if only and only not in nets:
        raise SystemExit(f"no network {only}; there are {' '.join(nets)}")
    for name in [only] if only else nets:
        net, size = nets[name]()
        for opset in OPSETS:
            path = os.path.join(folder, f"{name}_{opset}.onnx")
            with report.case(f"{name}, opset {opset}") as remarks:
                try:
                    worst = check_export(torch, engine, oracle, path, net, size, opset)
                except (RuntimeError, torch.onnx.errors.OnnxExporterError) as unable:
                    raise Failure(f"torch.onnx.export: {str(unable).splitlines()[0]}") from unable
                remarks.append(f"{100 * worst:.1f}% of the tolerance")
            if os.path.exists(path):
                os.remove(path)
