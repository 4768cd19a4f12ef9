"""The glTF and GLB format: the document, its materials, its meshes."""
