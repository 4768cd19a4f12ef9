"""Named starting points for configs: what pictures for one purpose draw, each a YAML file of config keys."""
