"""The report of a dataset as one page that opens without a network: facts, charts, and a gallery of its pictures."""
