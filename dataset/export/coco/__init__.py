"""COCO: boxes, masks and keypoints in one document."""
