"""What tests share: an engine for truth, worlds, servers, and files that are out to break something."""
