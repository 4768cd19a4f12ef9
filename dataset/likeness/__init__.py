"""How alike two sets of pictures are, beside how alike parts of the real one are: by labels, pixels and features."""
