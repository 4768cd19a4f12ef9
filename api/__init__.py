"""3D scans in, balanced and verified datasets out: the front door of scanstage."""
