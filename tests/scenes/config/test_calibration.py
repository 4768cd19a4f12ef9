from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from scanstage.assets.messages.errors import InputError
from scanstage.scenes.config.calibration import read_calibration
from scanstage.scenes.config.load import load_config
from scanstage.scenes.config.sections.camera_settings import BrownConrady, Fisheye

ROOT = Path(__file__).parents[3]
K = np.array([[500.0, 0.0, 322.3], [0.0, 510.0, 238.1], [0.0, 0.0, 1.0]])
ROS = """
image_width: 640
image_height: 480
camera_name: left
camera_matrix: {rows: 3, cols: 3, data: [300, 0, 320, 0, 301, 240, 0, 0, 1]}
distortion_model: %s
distortion_coefficients: {rows: 1, cols: 4, data: [%s]}
"""

XML = "<?xml version='1.0'?><opencv_storage>%s</opencv_storage>"
MATRIX = (
    '<camera_matrix type_id="opencv-matrix"><rows>3</rows><cols>3</cols><dt>d</dt>'
    "<data>500. 0. 320. 0. 500. 240. 0. 0. 1.</data></camera_matrix>"
)
ENTITIES = "<!ENTITY e0 'ha'>" + "".join(f"<!ENTITY e{i} '{f'&e{i - 1};' * 10}'>" for i in range(1, 10))
LAUGHS = "a0: &a0 [1, 1]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 9))
MERGES = "a0: &a0 {x: 1}\n" + "".join(f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 9)}]}}\n" for i in range(1, 9))


def opencv_file(path: Path, coefficients: list[float]) -> Path:
    """Written by OpenCV itself."""
    storage = cv2.FileStorage(str(path), cv2.FILE_STORAGE_WRITE)
    storage.write("calibration_time", "Sun 22 Nov")
    storage.write("image_width", 640)
    storage.write("image_height", 480)
    storage.write("camera_matrix", K)
    storage.write("distortion_coefficients", np.array([coefficients]))
    storage.release()
    return path


def test_opencv_s_own_file(tmp_path: Path) -> None:
    found = read_calibration(opencv_file(tmp_path / "calib.yaml", [-0.28, 0.07, 0.0003, 0.0002, 0.01]))
    assert found.resolution_wh == (640, 480)
    # OpenCV's first pixel has its centre at (0, 0), ours at (0.5, 0.5).
    numbers = found.intrinsics
    assert (numbers.fx, numbers.fy, numbers.cx, numbers.cy) == pytest.approx((500, 510, 322.8, 238.6))
    assert found.distortion == BrownConrady(k1=-0.28, k2=0.07, p1=0.0003, p2=0.0002, k3=0.01)


def test_ros_and_plain_files(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(ROS % ("equidistant", "0.01, -0.002, 0, 0"))
    assert read_calibration(path).distortion == Fisheye(k1=0.01, k2=-0.002)
    path.write_text(ROS % ("plumb_bob", "0.01, -0.002, 0.001, 0"))
    assert read_calibration(path).distortion == BrownConrady(k1=0.01, k2=-0.002, p1=0.001)
    path.write_text("{fx: 600, cx: 320, cy: 240, width: 640, height: 480, k1: -0.2}")
    plain = read_calibration(path)
    assert (plain.intrinsics.fx, plain.intrinsics.fy, plain.intrinsics.cx) == (600, 600, 320)
    assert plain.distortion == BrownConrady(k1=-0.2)
    path.write_text("{fx: 600, cx: 319.5, cy: 239.5, width: 640, height: 480, pixel_center: 0}")
    assert read_calibration(path).intrinsics.cx == 320


@pytest.mark.parametrize("suffix", ["json", "xml"])
def test_opencv_s_other_files_hold_the_same(tmp_path: Path, suffix: str) -> None:
    coefficients = [-0.28, 0.07, 0.0003, 0.0002, 0.01]
    own = read_calibration(opencv_file(tmp_path / "calib.yaml", coefficients))
    assert read_calibration(opencv_file(tmp_path / f"calib.{suffix}", coefficients)) == own


def test_kalibr_s_file_and_an_echoed_ros_message(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(
        "cam0:\n  camera_model: pinhole\n  intrinsics: [461.5, 460.1, 362.9, 236.4]\n  distortion_model: equidistant\n"
        "  distortion_coeffs: [-.01, 2e-3, 0, 0]\n  resolution: [752, 480]\n"
    )
    kalibr = read_calibration(path)
    numbers = kalibr.intrinsics
    assert (numbers.fx, numbers.fy, numbers.cx, numbers.cy) == pytest.approx((461.5, 460.1, 363.4, 236.9))
    assert kalibr.resolution_wh == (752, 480)
    assert kalibr.distortion == Fisheye(k1=-0.01, k2=0.002)
    message = "height: 480\nwidth: 640\ndistortion_model: plumb_bob\nd: [-0.3, 0.1, 0, 0, 0]\n"
    path.write_text(message + "k: [500, 0, 320, 0, 500, 240, 0, 0, 1]\n---\n" + "height: 1\n---\n")
    echoed = read_calibration(path)
    assert echoed.resolution_wh == (640, 480)
    assert echoed.intrinsics.cx == 320.5
    assert echoed.distortion == BrownConrady(k1=-0.3, k2=0.1)


def config(tmp_path: Path, camera: str) -> Path:
    opencv_file(tmp_path / "calib.yaml", [-0.28, 0.07, 0.0, 0.0, 0.0])
    path = tmp_path / "run.yaml"
    path.write_text(f"camera: {{{camera}}}")
    return path


def test_a_config_takes_everything_from_the_file(tmp_path: Path) -> None:
    camera = load_config(config(tmp_path, "intrinsics: calib.yaml")).camera
    assert camera.resolution == (640, 480)
    assert camera.distortion == BrownConrady(k1=-0.28, k2=0.07)
    assert camera.intrinsics is not None
    assert camera.intrinsics.fx == 500


def test_another_resolution_scales_the_matrix(tmp_path: Path) -> None:
    camera = load_config(
        config(tmp_path, "intrinsics: calib.yaml, resolution: [320, 240], distortion: {k1: -0.1}")
    ).camera
    numbers = camera.intrinsics
    assert (numbers.fx, numbers.fy, numbers.cx, numbers.cy) == pytest.approx((250, 255, 161.4, 119.3))
    assert camera.distortion == BrownConrady(k1=-0.1)
    with pytest.raises(InputError, match="calibrated at 640 x 480"):
        load_config(config(tmp_path, "intrinsics: calib.yaml, resolution: [640, 640]"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("fx: hello\ncx: 1\ncy: 1", "fx is 'hello', expected a finite number"),
        ("fx: 600", "neither camera_matrix nor cx"),
        ("{fx: -3, cx: 1, cy: 1}", "fx"),
        ("[1, 2]", "holds no calibration"),
        ("camera_matrix: [1, 2, 3]", "3 numbers, expected 9"),
        ("camera_matrix: [500, 3, 320, 0, 500, 240, 0, 0, 1]", "skew"),
        ("camera_matrix: [.nan, 0, 320, 0, 500, 240, 0, 0, 1]", "a number of the camera matrix is nan"),
        ("{fx: 600, cx: 1, cy: 1, distortion: {model: magic}}", "distortion"),
        (
            "{camera_matrix: [9, 0, 3, 0, 9, 2, 0, 0, 1], D: [0,0,0,0,0,0,0,0,1,0,0,0]}",
            "thin prism",
        ),
        ("{camera_matrix: [9, 0, 3, 0, 9, 2, 0, 0, 1], distortion_model: ds, distortion_coefficients: [0]}", "'ds'"),
        ("camera_matrix: [-500, 0, 320, 0, 500, 240, 0, 0, 1]", "focal lengths -500 and 500"),
        ("{camera_matrix: [9, 0, 3, 0, 9, 2, 0, 0, 1], D: [-0.3]}", "1 distortion coefficients"),
        ("{fx: 600, cx: 1, cy: 1, width: 640.5, height: 480}", "640.5 x 480"),
        ("{fx: 600, cx: 1, cy: 1, resolution: [640]}", "image size is 640.0"),
        ("{mat_left: [1], size: 3}", "but mat_left, size"),
        ("cam0: {camera_model: omni, intrinsics: [0.8, 833, 830, 373, 253]}", "'omni'"),
        ("cam0: {intrinsics: [1, 2, 3]}", "3 numbers"),
        ("cam0: {}\ncam1: {}", "2 cameras: cam0, cam1"),
        ("<?xml version='1.0'?><opencv_storage><a>", "XML"),
        ("<?xml version='1.0'?><opencv_storage></opencv_storage>", "holds no calibration"),
        ("a: !!python/object:os.system {}", "not valid YAML"),
        ("{fx: 600", "not valid YAML"),
        ("{fx: 600, cx: 1, cy: 1, width: 1e400, height: 480}", "the image size is inf x 480"),
        ("{fx: 600, cx: 1, cy: 1, width: 640, height: -480}", "640 x -480"),
        ("{fx: 600, cx: 1, cy: 1, width: .nan, height: 480}", "nan x 480"),
        ("{fx: 600, cx: 1, cy: 1, resolution: [1e30, 480]}", "1e+30 x 480"),
        ("{fx: 600, cx: 1, cy: 1, width: true, height: 480}", "True x 480"),
        ("{fx: 600, cx: 1, cy: 1, width: 0x" + "f" * 900 + ", height: 480}", "the image size is 51048"),
        ("{fx: 0x" + "f" * 900 + ", cx: 1, cy: 1}", "fx is 51048"),
        ("{fx: 0x" + "f" * 9000 + ", cx: 1, cy: 1}", "a number of 9,002 characters"),
        ("{fx: 600, cx: 1, cy: 1, pixel_center: 1e999}", "pixel_center is inf"),
        ("{fx: 600, cx: 1, cy: 1, distortion: {k1: 1e999}}", "finite number"),
        ("{fx: 600, cx: 1, cy: 1, D: [0, 0, 0, -1e300]}", "the distortion is -1e+300"),
        ("[" * 100_000, "not valid YAML"),
        ('{"a":' * 20_000, "not valid YAML"),
        ("a: " + "[" * 110 + "]" * 110, "nested more than 100 levels deep"),
        ("- " * 30_000, "not valid YAML"),
        (LAUGHS, "aliases count as often as used"),
        (MERGES, "merge keys"),
        ((XML % "x").removesuffix("</opencv_storage>") + "<a>" * 50_000, "nested more than 50 deep"),
        ("<?xml version='1.0'?>" + "<opencv_storage>" * 9_000, "nested more than 50 deep"),
        (XML % ("<_>" * 60 + "</_>" * 60), "nested more than 50 deep"),
        (f"<?xml version='1.0'?><!DOCTYPE a [{ENTITIES}]><opencv_storage>&e9;</opencv_storage>", "has a DTD"),
        ("<?xml version='1.0'?><!DOCTYPE a SYSTEM 'file:///etc/passwd'><opencv_storage/>", "has a DTD"),
        ("<?xml version='1.0'?><opencv_storage>&secret;</opencv_storage>", "not valid XML"),
        ("<?xml version='1.0'?><html/>", "its root is html"),
        (XML % MATRIX.replace("1.", "1e400"), "a number of the camera matrix is inf"),
        (XML % MATRIX.replace("500. 0.", "$base64$AAAA"), "the camera matrix is '"),
        (XML % (MATRIX + MATRIX), "camera_matrix is given twice"),
        (XML % MATRIX.replace("<rows>3", "<rows>2000000000").replace("1.<", "<"), "8 numbers, expected 9"),
    ],
)
def test_what_is_no_calibration_is_refused(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        read_calibration(path)
    assert says in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_missing_file_and_a_missing_size_are_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.yaml: can.t be read \(No such file"):
        load_config(config(tmp_path, "intrinsics: none.yaml"))
    (tmp_path / "bare.yaml").write_text("{fx: 600, cx: 320, cy: 240}")
    with pytest.raises(InputError, match="no image size"):
        load_config(config(tmp_path, "intrinsics: bare.yaml"))


def test_each_axis_is_scaled_by_its_own_factor(tmp_path: Path) -> None:
    """1333 by 1000 is 4000 by 3000, as nearly as whole pixels can be."""
    (tmp_path / "plain.yaml").write_text("{fx: 3000, fy: 3003, cx: 2000, cy: 1500, width: 4000, height: 3000}")
    camera = load_config(config(tmp_path, "intrinsics: plain.yaml, resolution: [1333, 1000]")).camera
    numbers = camera.intrinsics
    assert (numbers.fx, numbers.fy) == pytest.approx((3000 * 1333 / 4000, 1001), rel=1e-12)
    assert (numbers.cx, numbers.cy) == pytest.approx((666.5, 500), rel=1e-12)


FUZZ = """
import sys
from pathlib import Path

import numpy as np

from scanstage.assets.messages.errors import InputError
from scanstage.scenes.config.calibration import read_calibration

*sources, target = map(Path, sys.argv[1:])
kinds = {"read": 0, "refused": 0}
pieces = b"<a> [ { &a *a <<:*a 1e999 <!DOCTYPE ]> &#0; - \\xff &x;".split()
for case in range(2000):
    rng = np.random.default_rng((7, case))
    data = bytearray(sources[case % len(sources)].read_bytes())
    for _ in range(int(rng.integers(1, 4))):
        at = int(rng.integers(len(data) + 1))
        match int(rng.integers(5)):
            case 0:
                data[at : at + 1] = bytes([int(rng.integers(256))])
            case 1:
                del data[at : at + int(rng.integers(1, 40))]
            case 2:
                data[at:at] = pieces[int(rng.integers(len(pieces)))] * int(rng.choice([1, 3, 500]))
            case 3:
                data[at:at] = data[: int(rng.integers(len(data) + 1))]
            case 4:
                del data[at + 1 :]
    target.write_bytes(data)
    try:
        read_calibration(target)
        kinds["read"] += 1
    except InputError:
        kinds["refused"] += 1
print(*kinds.values())
"""


def test_fuzzed_calibrations_are_read_or_refused(tmp_path: Path) -> None:
    """In a process of its own: what parses XML is written in C, and may crash."""
    coefficients = [-0.28, 0.07, 0.0003, 0.0002, 0.01]
    sources = [opencv_file(tmp_path / f"calib.{kind}", coefficients) for kind in ("xml", "yaml", "json")]
    (tmp_path / "ros.yaml").write_text(ROS % ("equidistant", "0.01, -0.002, 0, 0"))
    command = [sys.executable, "-c", FUZZ, *map(str, sources), str(tmp_path / "ros.yaml"), str(tmp_path / "fuzzed")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    read, refused = map(int, done.stdout.split())
    assert read > 30
    assert refused > 30


@pytest.mark.skipif(os.name != "posix", reason="pipes and devices of POSIX")
def test_what_is_no_file_is_no_calibration(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "folder.yaml").mkdir()
    (tmp_path / "endless.yaml").symlink_to("/dev/zero")
    (tmp_path / "large.yaml").touch()
    os.truncate(tmp_path / "large.yaml", 1 << 40)
    for name, told in (("pipe", "pipe"), ("folder", "folder"), ("endless", "device"), ("large", "at most 1 MB")):
        with pytest.raises(InputError, match=told):
            read_calibration(tmp_path / f"{name}.yaml")
        with pytest.raises(InputError, match=rf"camera\.intrinsics: .*: can't be read \(it .*{told}"):
            load_config(config(tmp_path, f"intrinsics: {name}.yaml"))
        (tmp_path / "plain.yaml").write_text("images: 1")
        with pytest.raises(InputError, match=told):
            load_config(tmp_path / "plain.yaml", [f"camera.intrinsics={tmp_path}/{name}.yaml"])


def test_lists_in_opencv_s_xml(tmp_path: Path) -> None:
    path = tmp_path / "c.xml"
    for size in ("640 480", "<_>640</_><_>480</_>"):
        path.write_text(XML % f"{MATRIX}<image_size>{size}</image_size><names><_>a.png</_></names>")
        assert read_calibration(path).resolution_wh == (640, 480)
