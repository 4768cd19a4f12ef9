"""Raters' side of a survey: the answers' store, the server of the page, and the same as a folder without a server."""
