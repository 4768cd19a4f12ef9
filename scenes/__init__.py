"""What is in picture *i*: config, distributions, seeding, planning, physics, camera, light and visibility."""
