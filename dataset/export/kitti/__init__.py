"""KITTI: boxes in the picture and in space, a text file a picture."""
