"""All pictures of a run, before any is rendered: where plans come from, shards, forecast, identity."""
