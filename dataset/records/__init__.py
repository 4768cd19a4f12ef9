"""The truth as it is stored: one record a picture, its files, and where they lie."""
