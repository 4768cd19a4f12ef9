"""What is read in the XML of a 3MF's models because lib3mf has no word for it; the first half of the program.

It runs where lib3mf does (:mod:`three_mf_program`). Tags are found by patterns that pass over each byte once: files may
have gigabytes of them. What such a file says in comments may mislead it, to the harm of that file alone.
"""

THREE_MF_TEXT = r"""
import array, re, zipfile
import numpy as np
TEXTS = (".model", ".rels", ".xml")
CODES = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"<\0": "utf-16-le", b"\0<": "utf-16-be"}
READ = ("microsoft.com/3dmanufacturing/core/2015/02", "microsoft.com/3dmanufacturing/material/2015/02",
        "microsoft.com/3dmanufacturing/production/2015/06", "microsoft.com/3dmanufacturing/slice/2015/07",
        "microsoft.com/3dmanufacturing/beamlattice/2017/02", "microsoft.com/3dmanufacturing/trianglesets/2021/07")
PAINTED = re.compile(rb"\s(?:paint_color|[^\s<>:=]+:mmu_segmentation)\s*=\s*[\x22\x27][^\x22\x27]")
LOOSE = re.compile(rb"<(?:[^\s<>:/]+:)?triangle(?=\s)(?![^<>]*\spid\s*=)[^<>]*\sp1\s*=")
DISPLAY = re.compile(rb"<(?:[^\s<>:/]+:)?(?:pbmetallic|pbspecular|translucent)(?:texture)?displayproperties[\s>]")
TAG = {name: re.compile(rb"<(?:[^\s<>:/]+:)?" + name + rb"(?=[\s/>])[^<>]*>")
       for name in (b"model", b"object", b"triangle", b"item")}
SAYS = {name: re.compile(rb"\s" + name + rb"\s*=\s*[\x22\x27]([^\x22\x27<>]*)")
        for name in (b"id", b"printable", b"requiredextensions")}
INDEX = re.compile(rb"\s(pid|p[123])\s*=\s*[\x22\x27](\d{1,9})[\x22\x27]")
scan, told = sys.argv[3], set()
is_off, painted, loose, required = {}, set(), {}, set()

def says(tag, name):
    found = SAYS[name].search(tag)
    return found[1] if found else None

def whole_number(text):
    return int(text) if text and text.isdigit() and len(text) < 10 else 0

# UTF-16, which lib3mf can't read, is written anew.
def plain(name, data):
    code = CODES.get(data[:2]) if name.lower().endswith(TEXTS) else None
    return re.sub(r"^\s*<\?xml[^<>]*\?>", "", data.decode(code).lstrip("\ufeff")).encode() if code else data

# A triangle's indices where it has some but no group of its own: the object's counts (3MF core, 4.1.4.1). Returns
# how many triangles the object has, and (T, 4) of such: number, p1, p2, p3.
def without_group(text, start, end):
    rows, count = array.array("i"), 0
    for count, tag in enumerate(TAG[b"triangle"].finditer(text, start, end), 1):
        own = dict(INDEX.findall(tag[0]))
        if b"p1" in own and b"pid" not in own:
            alike = b"p2" not in own or b"p3" not in own
            rows.extend((count - 1, *(int(own[b"p1" if alike else name]) for name in (b"p1", b"p2", b"p3"))))
    return count, np.array(rows).reshape(-1, 4)

def look_at(part, text):
    head = TAG[b"model"].search(text)
    for prefix in (says(head[0], b"requiredextensions") or b"").split() if head else ():
        found = re.search(rb"\sxmlns:" + re.escape(prefix) + rb"\s*=\s*[\x22\x27]([^\x22\x27<>]*)", head[0])
        space = (found[1] if found else prefix).decode("utf-8", "replace")
        if space.removeprefix("http://schemas.") not in READ:
            required.add(space)
    if b"displayproperties" in text and DISPLAY.search(text):
        told.add("properties of metal, gloss or translucency (display properties)")
    # Items of the build that a slicer is told not to print, by their order.
    items = TAG[b"item"].finditer(text, max(0, text.rfind(b"<build")))
    is_off[part] = [says(tag[0], b"printable") in (b"0", b"false") for tag in items]
    has_paint, has_indices = b"paint_color" in text or b"mmu_segmentation" in text, b"p1" in text
    starts = [(tag.start(), tag[0]) for tag in TAG[b"object"].finditer(text)] if has_paint or has_indices else []
    for (start, tag), end in zip(starts, [*(s[0] for s in starts[1:]), len(text)]):
        key = (part, whole_number(says(tag, b"id")))
        if has_paint and PAINTED.search(text, start, end):
            painted.add(key)
        if has_indices and LOOSE.search(text, start, end):
            loose[key] = without_group(text, start, end)

with zipfile.ZipFile(scan) as archive:
    texts = [m for m in archive.infolist() if m.filename.lower().endswith(TEXTS)]
    if any(archive.open(m).read(2) in CODES for m in texts):
        scan += ".utf-8"
        with zipfile.ZipFile(scan, "w") as anew:
            for member in archive.infolist():
                anew.writestr(member.filename, plain(member.filename, archive.read(member)))

with zipfile.ZipFile(scan) as archive:
    for member in archive.infolist():
        if member.filename.lower().endswith(".model"):
            look_at(member.filename.lower().lstrip("/"), archive.read(member))
"""
