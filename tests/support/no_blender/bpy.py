"""In the place of Blender's module while a unit test runs: there is none, and that somebody asked is noted."""

import os
from pathlib import Path

with Path(os.environ["BLENDER_STARTS"]).open("a", encoding="utf-8") as notes:
    notes.write("import bpy\n")
raise ModuleNotFoundError("No module named 'bpy'", name="bpy")
