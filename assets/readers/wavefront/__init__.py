"""OBJ, and its material files, MTL."""
