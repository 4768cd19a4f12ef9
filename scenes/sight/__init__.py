"""What the camera sees of a plan: one ray a pixel, visibility, which labels are kept, a shaded preview."""
