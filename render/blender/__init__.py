"""What runs inside Blender: plans in, passes out. The only place of the project that imports ``bpy``.

Everything here runs with the standard library, numpy and bpy alone, in Blender 3.4 to 5.2 and Python 3.10 or newer,
loaded by path (``worker.py`` is the entry), without the rest of the project being importable.
"""
