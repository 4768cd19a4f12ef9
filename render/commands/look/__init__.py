"""Commands for people who look: a picture before it is rendered, once more, and a whole dataset as a page."""
