"""The camera's geometry: which ray belongs to a pixel and which pixel to a point, through any lens.

Pixel coordinates are continuous: the centre of the first pixel is at (0.5, 0.5). Rays are in the camera's OpenCV frame.
Those of pinholes and Brown-Conrady lenses have length 1 along z, so that a ray's parameter is planar depth; those of
fisheyes have length 1, so that it is the distance along the ray. A pixel that no light reaches (beyond the circle that
a lens model can map) has no ray: NaN.

Models, with x = X/Z, y = Y/Z, r² = x² + y² (OpenCV's documentation of ``calib3d``):

- Brown-Conrady: ``x' = x R + 2 p1 x y + p2 (r² + 2x²)``, ``y' = y R + p1 (r² + 2y²) + 2 p2 x y`` with
  ``R = (1 + k1 r² + k2 r⁴ + k3 r⁶) / (1 + k4 r² + k5 r⁴ + k6 r⁶)``.
- Fisheye (Kannala and Brandt 2006): ``r' = θ (1 + k1 θ² + k2 θ⁴ + k3 θ⁶ + k4 θ⁸)``, θ the angle off the axis.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from scanstage.scenes.optics.geometry import Float
from scanstage.scenes.plan import CameraPlan, LensPlan

LENS_COEFFICIENTS = {
    "brown_conrady": ("k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6"),
    "fisheye": ("k1", "k2", "k3", "k4"),
}
"""Names of :attr:`LensPlan.coefficients`, in OpenCV's order."""

NEWTON_STEPS = 6
EDGE_STEPS = 25
EDGE_START = 0.85
"""Near the fold, where Newton's method is slow: steps, and where they begin, by the radial inverse."""
TABLE = 4096
BROWN_WIDEST = math.radians(88)


def rays(camera: CameraPlan, columns: npt.NDArray[Any], rows: npt.NDArray[Any]) -> Float:
    """(N, 3) directions through the centres of pixels, inside the image or not.

    Args:
        camera: of the picture.
        columns, rows: (N,) whole for pixels; fractions lie between them (-0.5 is the image's left or upper edge).
    """
    if camera.lens is None:
        return _pinhole_rays(camera, columns, rows)
    width, height = camera.resolution_wh
    inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    if inside.all() and np.issubdtype(np.asarray(columns).dtype, np.integer):
        return np.asarray(image_rays(camera)[rows, columns])
    return _bend_back(_pinhole_rays(camera, columns, rows), camera.lens)


def image_rays(camera: CameraPlan) -> Float:
    """(H, W, 3) directions through the centres of all pixels, as :func:`rays`. Not to be written to."""
    if camera.lens is not None:
        return _ray_grid(camera.resolution_wh, camera.fx, camera.fy, camera.cx, camera.cy, camera.lens)
    width, height = camera.resolution_wh
    columns, rows = np.meshgrid(np.arange(width), np.arange(height))
    return _pinhole_rays(camera, columns.ravel(), rows.ravel()).reshape(height, width, 3)


def project_local(camera: CameraPlan, points: Float) -> Float:
    """Project (N, 3) points in the camera's frame to (N, 3): x and y in pixels, and depth in metres.

    Depth is along z, with a fisheye along the ray. x and y are NaN where the lens can't see a point: behind the camera,
    or beyond what its model maps.
    """
    return np.stack(project_rows(camera, points.T), axis=1)


def project_rows(camera: CameraPlan, points: Float) -> tuple[Float, Float, Float]:
    """As :func:`project_local`, for (3, N) points: x, y and depth, (N,) each. Rows are several times as fast."""
    x, y, z = points
    fisheye = camera.lens is not None and camera.lens.model == "fisheye"
    with np.errstate(divide="ignore", invalid="ignore"):
        if fisheye:
            assert camera.lens is not None
            off_axis = np.hypot(x, y)
            depth = np.sqrt(off_axis**2 + z**2)
            model = _fisheye(camera.lens)
            angle = np.arctan2(off_axis, z)
            bent = np.where(angle <= model.widest, model.forward(angle), np.nan)
            scale = np.where(off_axis > 0, bent / np.where(off_axis > 0, off_axis, 1.0), np.where(z > 0, 0.0, np.nan))
            u, v = scale * x, scale * y
        else:
            depth = z
            ahead = z if z.min(initial=1.0) > 0 else np.where(z > 0, z, np.nan)
            u, v = x / ahead, y / ahead
            if camera.lens is not None:
                u, v = _bend_brown(u, v, camera.lens)
    return camera.fx * u + camera.cx, camera.fy * v + camera.cy, depth


def lens_reach(camera: CameraPlan) -> float:
    """Largest angle off the optical axis that the lens sees, radians."""
    return math.pi if camera.lens is None else _angle(camera.lens, _model(camera.lens).widest)


def _angle(lens: LensPlan, argument: float) -> float:
    return argument if lens.model == "fisheye" else math.atan(argument)


def is_equidistant(camera: CameraPlan) -> bool:
    """Whether an engine can render the camera's fisheye as it is: no coefficients, square pixels, centred."""
    lens, (width, height) = camera.lens, camera.resolution_wh
    return (
        lens is not None
        and lens.model == "fisheye"
        and not any(lens.coefficients)
        and camera.fx == camera.fy
        and (camera.cx, camera.cy) == (width / 2, height / 2)
    )


def _pinhole_rays(camera: CameraPlan, columns: npt.NDArray[Any], rows: npt.NDArray[Any]) -> Float:
    x = (columns + 0.5 - camera.cx) / camera.fx
    y = (rows + 0.5 - camera.cy) / camera.fy
    return np.stack([x, y, np.ones(len(x))], axis=1)


@lru_cache(maxsize=2)  # of a picture's camera and of its engine's: each takes 24 bytes a pixel
def _ray_grid(
    resolution_wh: tuple[int, int], fx: float, fy: float, cx: float, cy: float, lens: LensPlan
) -> npt.NDArray[np.float64]:
    """(H, W, 3) rays of all pixels: the same for every picture of a calibrated camera."""
    width, height = resolution_wh
    x, y = np.meshgrid((np.arange(width) + 0.5 - cx) / fx, (np.arange(height) + 0.5 - cy) / fy)
    plane = np.stack([x.ravel(), y.ravel(), np.ones(x.size)], axis=1)
    grid = _bend_back(plane, lens).reshape(height, width, 3)
    grid.setflags(write=False)
    return grid


def _bend_back(plane: Float, lens: LensPlan) -> Float:
    """Rays of points of the image plane at z = 1, as the lens left them."""
    x, y = plane[:, 0], plane[:, 1]
    if lens.model == "brown_conrady":
        u, v = _unbend_brown(x, y, lens)
        return np.stack([u, v, np.where(np.isnan(u), np.nan, 1.0)], axis=1)
    radius = np.hypot(x, y)
    angle = _fisheye(lens).inverse(radius)
    sine = np.sin(angle)
    outwards = sine / np.where(radius > 0, radius, 1.0)
    return np.stack([outwards * x, outwards * y, np.cos(angle)], axis=1)


@dataclass(frozen=True)
class _Radial:
    """The radial part of a lens model as far as it grows: beyond, it folds back and maps nothing.

    Attributes:
        numerator, denominator: coefficients of t², t⁴, …; both polynomials begin with 1.
        widest: largest argument t (r, or θ for a fisheye).
    """

    numerator: tuple[float, ...]
    denominator: tuple[float, ...]
    widest: float

    def forward(self, t: Float) -> Float:
        """Radius in the image plane."""
        return np.asarray(t * _even(self.numerator, t) / _even(self.denominator, t))

    def slope(self, t: Float) -> Float:
        """Derivative of :meth:`forward`."""
        n, d = _even(self.numerator, t), _even(self.denominator, t)
        dn, dd = _even_slope(self.numerator, t), _even_slope(self.denominator, t)
        return np.asarray(n / d + t * (dn * d - n * dd) / d**2)

    def inverse(self, radius: Float) -> Float:
        """The argument of a radius >= 0; NaN beyond the widest. A table's guess, then Newton's method."""
        arguments = np.linspace(0.0, self.widest, TABLE)
        t = np.interp(radius, self.forward(arguments), arguments)
        with np.errstate(divide="ignore", invalid="ignore"):
            for _ in range(4):
                t = np.clip(t - (self.forward(t) - radius) / self.slope(t), 0.0, self.widest)
        return np.where(np.abs(self.forward(t) - radius) < 1e-9, t, np.nan)


def _model(lens: LensPlan) -> _Radial:
    return _fisheye(lens) if lens.model == "fisheye" else _brown(lens)


@lru_cache(maxsize=64)
def _fisheye(lens: LensPlan) -> _Radial:
    return _bounded(lens.coefficients, (), math.pi, lambda t: t)


@lru_cache(maxsize=64)
def _brown(lens: LensPlan) -> _Radial:
    k1, k2, _p1, _p2, k3, k4, k5, k6 = lens.coefficients
    return _bounded((k1, k2, k3), (k4, k5, k6), BROWN_WIDEST, np.tan)


def _bounded(numerator: tuple[float, ...], denominator: tuple[float, ...], widest: float, argument: Any) -> _Radial:
    """The model up to where it stops growing, looked for at angles up to ``widest``."""
    t = argument(np.linspace(0.0, widest, 20_001))
    model = _Radial(numerator, denominator, float(t[-1]))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        grows = (model.slope(t) > 1e-6) & (_even(denominator, t) > 1e-9)
    if grows.all():
        return model
    return _Radial(numerator, denominator, float(t[max(int(np.argmin(grows)) - 1, 0)]))


def _even(coefficients: tuple[float, ...], t: Float) -> Float:
    """1 + c1 t² + c2 t⁴ + …"""
    square, total = t * t, np.zeros_like(t)
    for c in reversed(coefficients):
        total = (total + c) * square
    return np.asarray(1.0 + total)


def _even_slope(coefficients: tuple[float, ...], t: Float) -> Float:
    total = np.zeros_like(t)
    for i, c in enumerate(coefficients):
        total = total + 2 * (i + 1) * c * t ** (2 * i + 1)
    return total


def _bend_brown(x: Float, y: Float, lens: LensPlan) -> tuple[Float, Float]:
    """Ideal to distorted points of the image plane; NaN beyond where the model folds."""
    p1, p2 = lens.coefficients[2:4]
    model = _brown(lens)
    r = np.hypot(x, y)
    r = np.where(r <= model.widest, r, np.nan)
    radial = _even(model.numerator, r) / _even(model.denominator, r)
    u = x * radial + 2 * p1 * x * y + p2 * (r * r + 2 * x * x)
    v = y * radial + p1 * (r * r + 2 * y * y) + 2 * p2 * x * y
    if not (p1 or p2):
        return u, v
    a, b, d = _brown_slopes(x, y, lens)
    ahead = a * d - b * b > 0  # tangential terms fold the image a little before the radial ones do
    return np.where(ahead, u, np.nan), np.where(ahead, v, np.nan)


def _brown_slopes(x: Float, y: Float, lens: LensPlan) -> tuple[Float, Float, Float]:
    """Derivatives of the distorted point: du/dx, du/dy (which is dv/dx), dv/dy."""
    p1, p2 = lens.coefficients[2:4]
    model = _brown(lens)
    r = np.minimum(np.hypot(x, y), model.widest)
    radial = _even(model.numerator, r) / _even(model.denominator, r)
    # d(radial)/d(r) / r; 0 at the centre
    growth = np.where(r > 1e-12, (model.slope(r) - radial) / np.where(r > 1e-12, r * r, 1.0), 0.0)
    return (
        radial + growth * x * x + 2 * p1 * y + 6 * p2 * x,
        growth * x * y + 2 * p1 * x + 2 * p2 * y,
        radial + growth * y * y + 6 * p1 * y + 2 * p2 * x,
    )


def _unbend_brown(x: Float, y: Float, lens: LensPlan) -> tuple[Float, Float]:
    """Distorted to ideal points: the radial inverse as a guess, then Newton's method in two dimensions."""
    model = _brown(lens)
    radius = np.hypot(x, y)
    reach = float(model.forward(np.array(model.widest)))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        guess = model.inverse(np.minimum(radius, reach * (1 - 1e-9)))
        scale = np.where(radius > 0, guess / np.where(radius > 0, radius, 1.0), 1.0)
        u, v = x * scale, y * scale
        if any(lens.coefficients[2:4]):  # without tangential terms the guess is the answer
            u, v = _newton(u, v, x, y, lens, NEWTON_STEPS)
            far = ~_meets(u, v, x, y, lens) & (radius < 1.2 * reach)
            # Near the fold the guess is too far out, where the slope points elsewhere: begin further in.
            inner = EDGE_START * scale[far]
            u[far], v[far] = _newton(x[far] * inner, y[far] * inner, x[far], y[far], lens, EDGE_STEPS)
        found = _meets(u, v, x, y, lens)
    return np.where(found, u, np.nan), np.where(found, v, np.nan)


def _newton(u: Float, v: Float, x: Float, y: Float, lens: LensPlan, steps: int) -> tuple[Float, Float]:
    """Ideal points (u, v) moved towards those of the distorted points (x, y); kept inside the model's circle."""
    model = _brown(lens)
    p1, p2 = lens.coefficients[2:4]
    for _ in range(steps):
        r = np.minimum(np.hypot(u, v), model.widest)
        radial = _even(model.numerator, r) / _even(model.denominator, r)
        a, b, d = _brown_slopes(u, v, lens)
        fu = u * radial + 2 * p1 * u * v + p2 * (r * r + 2 * u * u) - x
        fv = v * radial + p1 * (r * r + 2 * v * v) + 2 * p2 * u * v - y
        det = a * d - b * b
        u, v = u - (d * fu - b * fv) / det, v - (a * fv - b * fu) / det
        inwards = np.minimum(1.0, model.widest / np.maximum(np.hypot(u, v), 1e-12))
        u, v = u * inwards, v * inwards
    return u, v


def _meets(u: Float, v: Float, x: Float, y: Float, lens: LensPlan) -> npt.NDArray[np.bool_]:
    bent_x, bent_y = _bend_brown(u, v, lens)
    return np.asarray((np.abs(bent_x - x) < 1e-9) & (np.abs(bent_y - y) < 1e-9))
