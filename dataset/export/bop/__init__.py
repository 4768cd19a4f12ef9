"""BOP: poses, masks, depth and models, as the BOP toolkit reads them."""
