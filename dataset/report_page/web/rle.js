"use strict";

// COCO's compressed run lengths, as pycocotools writes them: runs in column order, of 0 first; six bits a letter, the
// fifth says that more follow, and from the third run on they are differences to the run before the last.
function runLengths(text) {
  const runs = [];
  let at = 0;
  while (at < text.length) {
    let value = 0, shift = 0, more = true;
    while (more) {
      const bits = text.charCodeAt(at++) - 48;
      value += (bits & 0x1f) * 2 ** shift;
      more = (bits & 0x20) !== 0;
      shift += 5;
      if (!more && bits & 0x10) value -= 2 ** shift;
    }
    if (runs.length > 2) value += runs[runs.length - 2];
    runs.push(value);
  }
  return runs;
}

// A mask in rows: 1 where it is, of width x height.
function maskOf(text, width, height) {
  const mask = new Uint8Array(width * height);
  let at = 0, inside = false;
  for (const run of runLengths(text)) {
    if (inside) {
      for (let k = at; k < Math.min(at + run, mask.length); k++) mask[(k % height) * width + Math.floor(k / height)] = 1;
    }
    at += run;
    inside = !inside;
  }
  return mask;
}
