"""What goes to Hugging Face, WebDataset and FiftyOne is what the records say."""

from __future__ import annotations

import json
import sys
import tarfile
from pathlib import Path

import pytest

from scanstage.assets.messages.errors import InputError
from scanstage.dataset.export.choices.export_options import ExportOptions
from scanstage.dataset.export.formats import export_dataset
from scanstage.dataset.export.hubs import parquet_shards, webdataset_shards
from scanstage.dataset.records.finished_dataset import open_dataset

SPLIT = ExportOptions.parse({"split": "train=0.67,val=0.33"})


def test_a_row_a_picture(toy_dataset: Path, tmp_path: Path) -> None:
    export_dataset(open_dataset(toy_dataset), "huggingface", tmp_path / "out", SPLIT)
    records = {r.image.file_name: r for r in open_dataset(toy_dataset).records()}
    seen = []
    for part in ("train", "val"):
        for line in (tmp_path / "out" / part / "metadata.jsonl").read_text().splitlines():
            row = json.loads(line)
            record = records[row["file_name"]]
            seen.append(record.index)
            assert (tmp_path / "out" / part / row["file_name"]).is_file()
            objects = row["objects"]
            assert objects["bbox"] == [list(i.bbox_xywh) for i in record.instances]
            assert objects["category"] == [i.class_name for i in record.instances]
            assert objects["iscrowd"] == [int(i.ignore) for i in record.instances]
            assert {len(values) for values in objects.values()} == {len(record.instances)}
    assert sorted(seen) == [0, 1, 2]


def test_parquet_holds_every_picture_in_files_of_a_size(
    toy_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr(parquet_shards, "SHARD_BYTES", 1)
    export_dataset(open_dataset(toy_dataset), "parquet", tmp_path / "out", SPLIT)
    files = sorted(p.name for p in (tmp_path / "out/data").iterdir())
    assert files == ["train-00000-of-00002.parquet", "train-00001-of-00002.parquet", "val-00000-of-00001.parquet"]
    records = {r.index: r for r in open_dataset(toy_dataset).records()}
    rows = [row for name in files for row in parquet.read_table(tmp_path / "out/data" / name).to_pylist()]
    assert sorted(row["image_id"] for row in rows) == sorted(records)
    for row in rows:
        record = records[row["image_id"]]
        assert row["image"]["bytes"] == (toy_dataset / "images" / record.image.file_name).read_bytes()
        assert row["objects"]["bbox"] == [list(map(float, i.bbox_xywh)) for i in record.instances]
        assert [code["counts"] for code in row["objects"]["segmentation"]] == [i.mask.counts for i in record.instances]


def test_without_pyarrow_one_is_told_what_to_install(
    toy_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InputError, match=r"scanstage\[parquet\]"):
        export_dataset(open_dataset(toy_dataset), "parquet", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_shards_hold_every_sample_once(toy_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webdataset_shards, "SAMPLES_A_SHARD", 1)
    for name in ("out", "again"):
        export_dataset(open_dataset(toy_dataset), "webdataset", tmp_path / name, SPLIT)
    records = {r.index: r for r in open_dataset(toy_dataset).records()}
    shards = sorted((tmp_path / "out").rglob("*.tar"))
    assert [p.name for p in shards] == ["train-000000.tar", "train-000001.tar", "val-000000.tar"]
    seen = []
    for path in shards:
        assert path.read_bytes() == (tmp_path / "again" / path.relative_to(tmp_path / "out")).read_bytes()
        with tarfile.open(path) as shard:
            names = shard.getnames()
            assert len(names) == 2
            image, labels = (shard.extractfile(n) for n in names)
            assert image is not None
            assert labels is not None
            told = json.load(labels)
            record = records[told["image_id"]]
            seen.append(record.index)
            assert names == [record.image.file_name, f"{record.index:06d}.json"]
            assert image.read() == (toy_dataset / "images" / record.image.file_name).read_bytes()
            for annotation, instance in zip(told["annotations"], record.instances, strict=True):
                assert annotation["bbox"] == list(instance.bbox_xywh)
                assert annotation["segmentation"] == instance.mask.to_coco()
                assert instance.pose is not None
                assert annotation["pose"]["translation_m"] == list(instance.pose.translation_m)
                assert annotation["keypoints"].keys() == {k.name for k in instance.keypoints}
    assert sorted(seen) == [0, 1, 2]


def test_a_folder_a_part_for_fiftyone(toy_dataset: Path, tmp_path: Path) -> None:
    export_dataset(open_dataset(toy_dataset), "fiftyone", tmp_path / "out", SPLIT)
    for part in ("train", "val"):
        document = json.loads((tmp_path / "out" / part / "labels.json").read_text())
        names = {i["file_name"] for i in document["images"]}
        assert names == {p.name for p in (tmp_path / "out" / part / "data").iterdir()}
        assert names
