"""The truth of a picture: boxes, masks, poses, categories, and how engine and cast agree on them."""
