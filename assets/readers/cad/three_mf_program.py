"""What reads 3MF by lib3mf, in a process of its own: from ``sys.argv[3]``, at most ``sys.argv[4]`` triangles; what its
slicer says of it (:mod:`slicer_settings`) is its input.

Writes arrays (npz): points (V, 3), faces (F, 3), rgba (F, 3, 4) sRGB, uv (F, 3, 2), texture (F,) or -1, image0 …, what
lies beyond their edges (``tiles``), name (F,) of ``names`` (lines; empty: a colour without one) or -1 where nothing has
a colour, unit; what it leaves out (``told``, lines) and which extensions that it ``required`` (lines); how many bodies
only help to print (``helpers``), are to be cut out of others (``cutters``), are switched off (``off``) or ``painted``;
the ``filaments`` whose colours bodies took; node (F,) of ``node_names`` (lines) and ``node_parents``.
"""

from scanstage.assets.readers.cad.three_mf_text import THREE_MF_TEXT

_WITH_LIB3MF = """
import io, json, os
out = os.dup(1)
os.dup2(2, 1)
import lib3mf, numpy as np
MOST = int(sys.argv[4])
slicer = json.load(sys.stdin)
MOST_NODES = 100_000
WHITE = (255, 255, 255, 255)
MULTIPLY = 1  # as lib3mf gives it, whatever its BlendMethod says; 0 is mix
SUPPORTS = (2, 3)  # ObjectType
NO_PICTURE = 32888  # a warning: there is no stream
COARSE = 1  # SlicesMeshResolution
NOT_SLICED = {"name": "", "filament": 0, "parts": {}, "runs": []}
CURA = ("infill_mesh", "support_mesh", "anti_overhang_mesh", "cutting_mesh")
wrapper = lib3mf.get_wrapper()
model = wrapper.CreateModel()
reader = model.QueryReader("3mf")
reader.SetStrictModeActive(False)
kinds, groups, textures, names = {}, {}, [], {"": 0}

unread = f"; it requires {', '.join(sorted(required))}, which isn't read" if required else ""

def why(error):
    count = reader.GetWarningCount()
    if any(reader.GetWarning(k)[0] == NO_PICTURE for k in range(max(0, count - 9), count)):
        return "it names a thumbnail or a texture that isn't in it, or has no relationship to the model"
    if "no supported content" in str(error):
        return "an object of it is neither a mesh nor made of others"
    return str(error).partition(": ")[2] or str(error)

try:
    reader.ReadFromFile(scan)
except lib3mf.ELib3MFException as e:
    raise SystemExit(why(e) + unread)

def each(iterator):
    while iterator.MoveNext():
        yield iterator

for kind, name in (("base", "BaseMaterialGroup"), ("color", "ColorGroup"), ("texture", "Texture2DGroup"),
                   ("multi", "MultiPropertyGroup")):
    items = getattr(model, f"Get{name}s")()
    for item in each(items):
        group = getattr(items, f"GetCurrent{name}")()
        kinds[group.GetResourceID()] = (kind, group)

def corner(resource, number):
    key = (resource, number)
    if key not in groups:
        kind, group = kinds.get(resource, (None, None))
        rgba, uv, texture, name = WHITE, (0.0, 0.0), -1, 0 if kind else -1
        if kind == "base":
            c = group.GetDisplayColor(number); rgba = (c.Red, c.Green, c.Blue, c.Alpha)
            name = named(group.GetName(number))
        elif kind == "color":
            c = group.GetColor(number); rgba = (c.Red, c.Green, c.Blue, c.Alpha)
        elif kind == "texture":
            at = group.GetTex2Coord(number); uv = (at.U, at.V)
            picture = group.GetTexture2D()
            own = picture.GetResourceID()
            if own not in [t[0] for t in textures]:
                tiles = [int(style) for style in picture.GetTileStyleUV()]
                textures.append((own, bytes(picture.GetAttachment().WriteToBuffer()), tiles))
            texture = [t[0] for t in textures].index(own)
        elif kind == "multi":
            rgba, uv, texture, name = layered(group, number)
        elif resource:
            told.add("properties of another kind")
        groups[key] = (rgba, uv, texture, name)
    return groups[key]

def named(text):
    return names.setdefault(" ".join(text.split()), len(names))

def linear(code):
    return code / 255 / 12.92 if code <= 10 else ((code / 255 + 0.055) / 1.055) ** 2.4

def coded(value):
    return round(255 * (12.92 * value if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055))

# Layers on each other, as chapter 5 of 3MF's materials extension says: a material is what the others lie on.
def layered(group, number):
    count = group.GetLayerCount()
    layers = [group.GetLayer(k) for k in range(count)]
    each = group.GetMultiProperty(number, [0] * count)  # without room for them it fails
    under, color, alpha, uv, texture, name = None, None, 1.0, (0.0, 0.0), -1, 0
    for k, (layer, property) in enumerate(zip(layers, each)):
        kind = kinds.get(layer.ResourceID, (None, None))[0]
        rgba, at, picture, own = corner(layer.ResourceID, property)
        rgb, opacity = [linear(c) for c in rgba[:3]], rgba[3] / 255
        multiplies = k > 0 and int(layer.TheBlendMethod) == MULTIPLY
        if kind not in ("color", "texture"):
            under, name = rgb, max(own, 0)
        elif color is None:
            color, uv, texture = rgb, at, picture
            alpha = opacity if k and not multiplies else 1.0
        elif multiplies:
            color, alpha = [a * b for a, b in zip(color, rgb)], alpha * opacity
            if picture >= 0 and texture >= 0:
                told.add("properties of several textures")
            elif picture >= 0:
                uv, texture = at, picture
        elif picture >= 0 or opacity == 1:
            color, alpha, uv, texture = rgb, 1.0, at, picture
        elif opacity:
            color = [b * opacity + a * (1 - opacity) for a, b in zip(color, rgb)]
            alpha = opacity + alpha * (1 - opacity)
            if texture >= 0:
                told.add("properties of a colour that is see-through, on a texture")
    if color is None:
        color = under or [1.0] * 3
    elif under is not None and alpha < 1:
        color = [a * alpha + b * (1 - alpha) for a, b in zip(color, under)]
    return (*map(coded, color), 255), uv, texture, name

def numbers(structs, field, kind, width):
    if not structs:
        return np.zeros((0, width), kind)
    return np.array([getattr(s, field)[:] for s in structs], kind)

def matrix(transform):
    rows = np.array([list(row) for row in transform.Fields], np.float64)  # row vectors, the last one moves
    full = np.eye(4); full[:3, :3] = rows[:3].T; full[:3, 3] = rows[3]
    return full

aside = {"helpers": 0, "cutters": 0, "off": 0, "painted": 0}
filaments = set()

# Whether a body isn't of the thing itself; counts it.
def is_aside(kind):
    if kind in ("normal_part", "ModelPart"):
        return False
    aside["cutters" if kind in ("negative_part", "NegativeVolume") else "helpers"] += 1
    return True

def says_cura(thing):
    group = thing.GetMetaDataGroup()
    each = [group.GetMetaData(k) for k in range(group.GetMetaDataCount())]
    return any(d.GetName().rpartition(":")[2] in CURA and d.GetValue().strip().lower() == "true" for d in each)

def part_of(thing):
    return thing.PackagePart().GetPath().lower().lstrip("/")

ROOT = model.RootModelPart().GetPath().lower().lstrip("/")
off = is_off.get(ROOT, ())

parts, nodes, total, placed = [], [], 0, 0

def node(name, parent):
    nodes.append((" ".join(name.split()), parent))
    return len(nodes) - 1

# ``filament``: by its number, that it is printed with; ``called``: as a part of what it is in, node ``parent``.
def place(thing, to_world, depth, filament, parent=-1, called=""):
    global total, placed
    placed += 1
    if depth > 32 or placed > MOST_NODES:
        raise SystemExit("its components are nested without end")
    if int(thing.GetType()) in SUPPORTS or says_cura(thing):
        is_aside("support")
        return
    sliced = slicer["objects"].get(str(thing.GetModelResourceID()) if part_of(thing) == ROOT else "", NOT_SLICED)
    filament = sliced["filament"] or filament
    here = node(called or sliced["name"] or thing.GetName(), parent)
    if thing.IsComponentsObject():
        for k in range(thing.GetComponentCount()):
            component = thing.GetComponent(k)
            inner = component.GetObjectResource()
            kind, own, name = sliced["parts"].get(str(inner.GetModelResourceID()), ("normal_part", 0, ""))
            if not is_aside(kind):
                place(inner, to_world @ matrix(component.GetTransform()), depth + 1, own or filament, here, name)
        return
    if not thing.IsMeshObject():
        told.add("objects without a mesh")
        return
    total += thing.GetTriangleCount()
    if total > MOST:
        raise SystemExit(f"it has more than {MOST:,} triangles")
    if thing.HasSlices(False) and int(thing.GetSlicesMeshResolution()) == COARSE:
        told.add("slices that are finer than their mesh (of low resolution)")
    if thing.BeamLattice().GetBeamCount():
        told.add("beams of a lattice")
    points = numbers(thing.GetVertices(), "Coordinates", np.float64, 3) @ to_world[:3, :3].T + to_world[:3, 3]
    faces = numbers(thing.GetTriangleIndices(), "Indices", np.int64, 3)
    if np.linalg.det(to_world[:3, :3]) < 0:
        faces = faces[:, ::-1]
    given = thing.GetAllTriangleProperties()
    whole = thing.GetObjectLevelProperty()
    default = (whole[0], whole[1]) if isinstance(whole, tuple) and whole[-1] else (0, 0)
    rows = [[corner(p.ResourceID, i) if p.ResourceID else corner(*default) for i in p.PropertyIDs] for p in given]
    if not rows:
        rows = [[corner(*default)] * 3] * len(faces)
    key = (part_of(thing), thing.GetModelResourceID())
    count, own = loose.get(key, (0, ()))
    if len(own) and default[0] in kinds and count == len(rows):
        properties = kinds[default[0]][1].GetAllPropertyIDs()
        for row, *each in zip(*own[own[:, 1:].max(axis=1) < len(properties)].T.tolist()):
            rows[row] = [corner(default[0], properties[k]) for k in each]
    elif len(own) and default[0]:
        told.add("properties of triangles, of no group of their own")
    aside["painted"] += key in painted
    order = [2, 1, 0] if np.linalg.det(to_world[:3, :3]) < 0 else [0, 1, 2]
    rgba = np.array([[c[0] for c in row] for row in rows], np.uint8).reshape(-1, 3, 4)[:, order]
    uv = np.array([[c[1] for c in row] for row in rows], np.float32).reshape(-1, 3, 2)[:, order]
    texture = np.array([row[0][2] for row in rows], np.int64)
    name = np.array([row[0][3] for row in rows], np.int64)
    kept, filament_of, node_of = np.ones(len(faces), bool), np.full(len(faces), filament), np.full(len(faces), here)
    for first, after, kind, own, called in sliced["runs"]:
        run = slice(max(first, 0), max(after, 0))
        filament_of[run] = own or filament
        if is_aside(kind):
            kept[run] = False
        elif called and len(nodes) < MOST_NODES:
            node_of[run] = node(called, here)
    bare = kept & (name < 0)
    for number in np.unique(filament_of[bare]).tolist():
        if 0 < number <= len(slicer["colors"]) and (color := slicer["colors"][number - 1]):
            mine = bare & (filament_of == number)
            rgba[mine], name[mine] = (*color, 255), named(f"filament {number}")
            filaments.add(number)
    if kept.any():
        parts.append((points, faces[kept], rgba[kept], uv[kept], texture[kept], name[kept], node_of[kept]))

items = model.GetBuildItems()
for number, item in enumerate(each(items)):
    current = items.GetCurrent()
    if number < len(off) and off[number]:
        aside["off"] += 1
        continue
    to_world = matrix(current.GetObjectTransform()) if current.HasObjectTransform() else np.eye(4)
    place(current.GetObjectResource(), to_world, 0, 1)
if not parts:
    others = " but supports and what is switched off" if any(aside.values()) else ""
    raise SystemExit(f"it builds nothing{others}{unread}")
starts = np.cumsum([0, *(len(p[0]) for p in parts)])
buffer = io.BytesIO()
np.savez(
    buffer, unit=np.int64(int(model.GetUnit())), points=np.concatenate([p[0] for p in parts]),
    faces=np.concatenate([p[1] + s for p, s in zip(parts, starts)]), rgba=np.concatenate([p[2] for p in parts]),
    uv=np.concatenate([p[3] for p in parts]), texture=np.concatenate([p[4] for p in parts]),
    name=np.concatenate([p[5] for p in parts]), names=np.frombuffer("\\n".join(names).encode(), np.uint8),
    node=np.concatenate([p[6] for p in parts]), node_parents=np.array([n[1] for n in nodes], np.int64),
    node_names=np.frombuffer("\\n".join(n[0] for n in nodes).encode(), np.uint8),
    tiles=np.array([t[2] for t in textures], np.int64).reshape(-1, 2),
    filaments=np.array(sorted(filaments), np.int64), **{name: np.int64(n) for name, n in aside.items()},
    required=np.frombuffer("\\n".join(sorted(required)).encode(), np.uint8),
    told=np.frombuffer("\\n".join(sorted(told)).encode(), np.uint8),
    **{f"image{k}": np.frombuffer(t[1], np.uint8) for k, t in enumerate(textures)},
)
with os.fdopen(out, "wb") as f:
    f.write(buffer.getvalue())
"""
THREE_MF_PROGRAM = THREE_MF_TEXT + _WITH_LIB3MF
