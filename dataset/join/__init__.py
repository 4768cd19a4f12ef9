"""Several datasets, and photos with COCO annotations, as one."""
