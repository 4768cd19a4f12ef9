"""What is true of picture *i*, and how it is written, exported, checked and reported."""
