"use strict";

// Labels drawn over a picture. Colours are Okabe and Ito's (2008), which all kinds of colour vision tell apart, in turn
// by class; names say which it is.
const COLORS = ["#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7", "#ffffff"];
const FAINT = 0.12, CHOSEN = 0.55, MASK = 0.4;

function colorOf(className) {
  const k = facts.classes.findIndex((c) => c.name === className);
  return COLORS[((k % COLORS.length) + COLORS.length) % COLORS.length];
}

function channels(color) {
  return [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));
}

const layer = document.createElement("canvas");

function drawMasks(context, detail, key, opacity, chosen) {
  const [width, height] = detail.mask_wh;
  layer.width = width;
  layer.height = height;
  const pixels = new ImageData(width, height);
  for (const label of detail.labels) {
    const text = label[key] ?? label.mask;
    const [r, g, b] = channels(colorOf(label.class));
    const strength = chosen === null ? opacity : label.id === chosen ? CHOSEN : FAINT;
    const mask = maskOf(text, width, height);
    for (let k = 0; k < mask.length; k++) {
      if (!mask[k]) continue;
      // What is to be ignored is hatched.
      if (label.ignored && (Math.floor(k / width) + (k % width)) % 6 > 2) continue;
      pixels.data.set([r, g, b, Math.round(255 * strength)], 4 * k);
    }
  }
  layer.getContext("2d").putImageData(pixels, 0, 0);
  context.imageSmoothingEnabled = false;
  context.drawImage(layer, 0, 0, context.canvas.width, context.canvas.height);
}

function outlined(context, path, color, width, dashes = []) {
  context.setLineDash([]);
  context.strokeStyle = "rgba(0, 0, 0, 0.65)";
  context.lineWidth = width + 2;
  path();
  context.stroke();
  context.setLineDash(dashes);
  context.strokeStyle = color;
  context.lineWidth = width;
  path();
  context.stroke();
  context.setLineDash([]);
}

function drawBox(context, box, scale, color, width, dashes) {
  const [x, y, w, h] = box.map((v) => v * scale);
  outlined(context, () => { context.beginPath(); context.rect(x, y, w, h); }, color, width, dashes);
}

function drawName(context, label, scale, unit, places) {
  const text = label.ignored ? `${label.class} (ignored)` : label.class;
  context.font = `${12 * unit}px system-ui, sans-serif`;
  const [x, y, , h] = label.box.map((v) => v * scale);
  const width = context.measureText(text).width + 13 * unit, height = 17 * unit;
  const left = Math.max(0, Math.min(x, context.canvas.width - width));
  let top = y >= height ? y - height : y + h + height < context.canvas.height ? y + h : y;
  // Names don't cover each other where there is room.
  for (let tries = 0; tries < 6 && places.some((p) => left < p[0] + p[2] && p[0] < left + width && top < p[1] + height && p[1] < top + height); tries++) top += height;
  top = Math.min(top, context.canvas.height - height);
  places.push([left, top, width]);
  context.fillStyle = "rgba(0, 0, 0, 0.75)";
  context.fillRect(left, top, width, height);
  context.fillStyle = colorOf(label.class);
  context.fillRect(left, top, 5 * unit, height);
  context.fillStyle = "#fff";
  context.fillText(text, left + 9 * unit, top + 12.5 * unit);
}

function drawPoints(context, label, scale, unit) {
  const at = Object.fromEntries(label.keypoints.map(([name, x, y]) => [name, [x * scale, y * scale]]));
  for (const [a, b] of label.skeleton || []) {
    outlined(context, () => { context.beginPath(); context.moveTo(...at[a]); context.lineTo(...at[b]); }, colorOf(label.class), 1.5 * unit);
  }
  for (const [name, x, y, flag] of label.keypoints) {
    if (!flag) continue;
    context.beginPath();
    context.arc(x * scale, y * scale, 4 * unit, 0, 2 * Math.PI);
    context.lineWidth = 2 * unit;
    context.strokeStyle = "#000";
    context.fillStyle = colorOf(label.class);
    context.stroke();
    if (flag === 2) context.fill();
    else { context.strokeStyle = colorOf(label.class); context.stroke(); }
    context.font = `${10 * unit}px system-ui, sans-serif`;
    context.fillStyle = "#fff";
    context.strokeText(name, x * scale + 6 * unit, y * scale - 4 * unit);
    context.fillText(name, x * scale + 6 * unit, y * scale - 4 * unit);
  }
}

// Corner i of a cuboid is at the high end of x, y and z where bit 0, 1 and 2 of i are set.
function edgesOf(box) {
  if (box.length === 12) return box;
  return [1, 2, 4].flatMap((bit) => box.map((corner, i) => (i & bit ? null : [corner, box[i | bit]])).filter(Boolean));
}

function drawSolid(context, label, scale, unit) {
  for (const line of edgesOf(label.box_3d)) {
    outlined(context, () => {
      context.beginPath();
      let pen = false;
      for (const point of line) {
        if (point === null) { pen = false; continue; }
        if (pen) context.lineTo(point[0] * scale, point[1] * scale);
        else context.moveTo(point[0] * scale, point[1] * scale);
        pen = true;
      }
    }, colorOf(label.class), 1.5 * unit);
  }
}

// Everything that is switched on. The canvas lies on the picture and has its size on the screen.
function drawOverlays(canvas, detail, shown, chosen) {
  const unit = window.devicePixelRatio || 1;
  const size = canvas.getBoundingClientRect();
  canvas.width = Math.max(1, Math.round(size.width * unit));
  canvas.height = Math.max(1, Math.round(size.height * unit));
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, canvas.width, canvas.height);
  if (!detail) return;
  const scale = canvas.width / detail.wh[0];
  const labels = chosen === null ? detail.labels : detail.labels.filter((l) => l.id === chosen);
  if (shown.amodal) drawMasks(context, detail, "amodal", MASK, chosen);
  if (shown.masks) drawMasks(context, detail, "mask", MASK, chosen);
  if (shown.amodal) for (const label of labels) drawBox(context, label.amodal_box ?? label.box, scale, colorOf(label.class), 1.5 * unit, [5 * unit, 4 * unit]);
  if (shown.boxes) for (const label of labels) drawBox(context, label.box, scale, colorOf(label.class), 1.5 * unit, label.ignored ? [2 * unit, 3 * unit] : []);
  if (shown.solids) for (const label of labels) if (label.box_3d) drawSolid(context, label, scale, unit);
  if (shown.keypoints) for (const label of labels) if (label.keypoints) drawPoints(context, label, scale, unit);
  const places = [];
  if (shown.names) for (const label of labels) drawName(context, label, scale, unit, places);
}
