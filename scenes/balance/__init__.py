"""Which classes a picture is asked to show, so that the labels that are really visible come out as wanted."""
