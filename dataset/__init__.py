"""What is true of picture *i* and how it is written: labels, records, checks, exporters."""
