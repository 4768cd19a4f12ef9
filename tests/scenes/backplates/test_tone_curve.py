from __future__ import annotations

import numpy as np

from scanstage.scenes.backplates.tone_curve import camera_curve, inverse_camera_curve


def test_light_comes_back_through_the_curve() -> None:
    light = np.geomspace(1e-3, 2.5, 200).astype(np.float32)
    np.testing.assert_allclose(inverse_camera_curve(camera_curve(light)), light, rtol=1e-3)
