"""Assets where they are kept: stored, listed, pictured; generated shapes among them."""
