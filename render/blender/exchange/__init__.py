"""What crosses into Blender and back as JSON, as types: plans and settings, requests and answers."""
