"""One run at a time in a folder, whatever the file system can do."""
