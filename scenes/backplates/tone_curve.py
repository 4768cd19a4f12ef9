"""The tone curve of our cameras, and back: a photo is taken for light that went through it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

MIDDLE_GREY = 0.17
SHOULDER = 0.35
CONTRAST = 1.15


def camera_curve(linear: Floats) -> Floats:
    """A camera's tone curve: contrast about middle grey, and a soft shoulder instead of clipping.

    A power about MIDDLE_GREY; then linear up to SHOULDER and an exponential approach to white above, smooth where they
    meet. Channels are mapped one by one, so bright colours turn pale as they do on film.
    """
    grey = np.float32(MIDDLE_GREY)
    x = grey * (np.maximum(linear, 0.0) / grey) ** np.float32(CONTRAST)
    room = np.float32(1.0 - SHOULDER)
    rolled = SHOULDER + room * (1.0 - np.exp(-(np.maximum(x, SHOULDER) - SHOULDER) / room))
    return np.asarray(np.where(x <= SHOULDER, x, rolled), np.float32)


def inverse_camera_curve(display: Floats) -> Floats:
    """The light that :func:`camera_curve` maps to ``display``; what it never reaches counts as bright white."""
    room = 1.0 - SHOULDER
    below_white = np.maximum(1.0 - display, 1e-3)
    x = np.where(display <= SHOULDER, np.maximum(display, 0.0), SHOULDER - room * np.log(below_white / room))
    return np.asarray(MIDDLE_GREY * (x / MIDDLE_GREY) ** (1 / CONTRAST), np.float32)
