"""The YAML config: model, loading and error reports."""

from scenes.config.load import load_config
from scenes.config.model import RunConfig

__all__ = ["RunConfig", "load_config"]
