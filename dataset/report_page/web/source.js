"use strict";

// Where the page's data come from: they lie in it, or a server on this machine has them.
const embedded = readBlock("pictures");
let facts = readBlock("facts");
let specs = readBlock("specs");

function readBlock(name) {
  const block = document.getElementById(`data-${name}`);
  return block ? JSON.parse(block.textContent) : null;
}

const isLive = embedded === null;

function bytesOf(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

function imageAddress(index, kind) {
  if (isLive) return `${kind}/${index}`;
  const found = (embedded[index] || {})[kind];
  return found ? `data:image/webp;base64,${found}` : null;
}

function hasImage(index, kind) {
  if (isLive) return kind === "image" || (facts.maps || []).includes(kind);
  return Boolean((embedded[index] || {})[kind]);
}

async function detailOf(index) {
  if (isLive) {
    const answer = await fetch(`detail/${index}`);
    return answer.ok ? answer.json() : null;
  }
  const found = (embedded[index] || {}).detail;
  if (!found) return null;
  const unpacked = new Blob([bytesOf(found)]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(unpacked).text());
}
