"""From passes to a finished picture: checked, developed, encoded, recorded, or set aside."""
