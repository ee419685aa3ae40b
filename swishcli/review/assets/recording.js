"use strict";
// The page of a recording: hear it, see it, correct its labels. Times here start at 0 where the sound does;
// the recording's own are `data.offset` later.

const LEAST_S = 0.02; // of a segment
const UNSURE = 0.8;
const NOTICEABLE_S = 0.5; // of a disagreement
const REGION_PX = 12; // of the screen for each segment, or there are no boundaries to drag: they would hide the sound
const MOST_REGIONS = 150;
const ROW_PX = 38;

const labels = data.labels;
const total = data.duration - data.offset;
const toSegment = ([start, end, label, confidence]) => ({
  start: Math.max(0, start - data.offset), end: Math.min(total, end - data.offset), label, confidence, edited: false,
});
const found = data.segments.map(toSegment);
const reference = (data.reference || []).map(toSegment).filter((s) => s.end > s.start);

// ---- what is known and what was done

let segments = found;
let selected = 0;
let hidden = new Set();
let past = [];
let future = [];
let preview = null; // a boundary that is being dragged
let alone = false; // whether one segment is played by itself
let downloaded = true;
let isKept = true; // in the browser

/** The segment at a time, by bisection. */
function indexAt(time, among = segments) {
  let low = 0, high = among.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (among[middle].start <= time) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** Stretches of a segment where the reference says something else; its silence says nothing. */
function disagreements(segment) {
  if (!reference.length) return [];
  const stretches = [];
  for (let i = indexAt(segment.start, reference); i < reference.length && reference[i].start < segment.end; i++) {
    const wanted = reference[i];
    const seconds = Math.min(wanted.end, segment.end) - Math.max(wanted.start, segment.start);
    if (wanted.label !== segment.label && wanted.label !== data.silence && seconds > 0)
      stretches.push({ label: wanted.label, seconds });
  }
  return stretches;
}

const wanted = (segment) =>
  disagreements(segment).filter((d) => d.seconds >= Math.min(NOTICEABLE_S, (segment.end - segment.start) / 2));
const isUnsure = (segment) => segment.confidence !== null && segment.confidence < UNSURE;

function commit(changed, at, said) {
  past.push({ segments, selected });
  future = [];
  become(changed, at, said);
}

function become(changed, at, said) {
  segments = changed;
  selected = Math.min(at, segments.length - 1);
  downloaded = false;
  keep();
  show();
  reveal();
  announce(said);
}

function travel(from, to, said) {
  const step = from.pop();
  if (!step) return announce(`Nothing to ${said}`);
  to.push({ segments, selected });
  become(step.segments, step.selected, said === "undo" ? "Undone" : "Done again");
}
const undo = () => travel(past, future, "undo");
const redo = () => travel(future, past, "redo");

const corrected = (segment, change) => ({ ...segment, confidence: null, edited: true, ...change });

function relabel(label) {
  const segment = segments[selected];
  if (!labels[label] || segment.label === label) return;
  const changed = segments.slice();
  changed[selected] = corrected(segment, { label });
  commit(changed, selected, `Segment ${selected + 1} is ${labels[label].shown} now`);
}

/** How far boundary `b`, before segment `b`, can go. */
function clamped(b, time) {
  const ms = Math.round(1000 * time) / 1000;
  return Math.min(segments[b].end - LEAST_S, Math.max(segments[b - 1].start + LEAST_S, ms));
}

/** The segments with boundary `b` at a time. */
function moved(b, time) {
  const changed = segments.slice();
  changed[b - 1] = corrected(segments[b - 1], { end: time });
  changed[b] = corrected(segments[b], { start: time });
  return changed;
}

function nudge(side, seconds) {
  const b = selected + (side === "end" ? 1 : 0);
  if (b < 1 || b >= segments.length) return announce("The recording begins or ends here");
  const from = segments[b].start;
  const time = clamped(b, from + seconds);
  if (time !== from) commit(moved(b, time), selected, `Boundary at ${clock(time + data.offset)}`);
}

function split() {
  const time = Math.round(1000 * ws.getCurrentTime()) / 1000;
  const i = indexAt(time);
  const segment = segments[i];
  if (time < segment.start + LEAST_S || time > segment.end - LEAST_S)
    return announce("Play or click to where the segment is to be split");
  const parts = [corrected(segment, { end: time }), corrected(segment, { start: time })];
  commit([...segments.slice(0, i), ...parts, ...segments.slice(i + 1)], i + 1, `Split at ${clock(time + data.offset)}`);
}

function merge() {
  const [one, two] = segments.slice(selected, selected + 2);
  if (!two) return announce("This is the last segment");
  const joined = corrected(one, { end: two.end });
  commit([...segments.slice(0, selected), joined, ...segments.slice(selected + 2)], selected, "Joined with the next");
}

// ---- what leaves the page

/** Neighbours of one label as one segment. */
function joined() {
  const result = [];
  for (const segment of segments) {
    const last = result.at(-1);
    if (!last || last.label !== segment.label) {
      result.push({ ...segment });
      continue;
    }
    const [a, b] = [last.end - last.start, segment.end - segment.start];
    const known = last.confidence !== null && segment.confidence !== null;
    last.confidence = known ? (last.confidence * a + segment.confidence * b) / (a + b) : null;
    last.end = segment.end;
  }
  return result;
}

function toObject() {
  const written = joined().map((s) => ({
    start: s.start + data.offset,
    end: s.end + data.offset,
    label: labels[s.label].name,
    confidence: s.confidence === null ? null : Math.round(1000 * s.confidence) / 1000,
  }));
  const channel = data.channel === null ? {} : { channel: data.channel };
  return { path: data.path, ...channel, duration: written.at(-1).end, segments: written };
}

const table = () =>
  joined().map((s) => {
    const times = [s.start, s.end].map((time) => (time + data.offset).toFixed(3));
    return [...times, labels[s.label].name.replace(/[\t\r\n]/g, " ")].join("\t") + "\n";
  });
const formats = {
  json: { suffix: ".json", text: () => JSON.stringify(toObject()) + "\n" },
  tsv: { suffix: ".tsv", text: () => ["start_s\tend_s\tlabel\n", ...table()].join("") },
  audacity: { suffix: ".audacity.txt", text: () => table().join("") },
};

function save() {
  const format = formats[$("format").value];
  download(data.stem + format.suffix, format.text());
  downloaded = true;
  keep();
  showStatus();
  announce(`Downloaded ${data.stem}${format.suffix}`);
}

function keep() {
  const edited = segments.some((s) => s.edited);
  const rows = segments.map((s) => [s.start, s.end, s.label, s.confidence, s.edited]);
  isKept = kept.set(data.id, edited ? { segments: rows, downloaded, result: toObject() } : null);
}

function restore() {
  const before = kept.get(data.id);
  if (!before) return;
  past.push({ segments, selected });
  segments = before.segments.map(([start, end, label, confidence, edited]) => ({ start, end, label, confidence, edited }));
  downloaded = before.downloaded;
  announce("Your corrections are back");
}

// ---- sound and waveform

function bytes(text) {
  const binary = atob(text);
  const result = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) result[i] = binary.charCodeAt(i);
  return result;
}

function audio() {
  const made = new Audio();
  made.preload = "auto";
  if (data.sound.source) made.src = data.sound.source;
  else made.src = URL.createObjectURL(new Blob([bytes($("sound").textContent)], { type: data.sound.type }));
  $("sound").remove();
  return made;
}

/** Highest and lowest samples. */
function peaks() {
  const columns = new Int8Array(bytes(data.peaks.data).buffer);
  const [low, high] = [new Float32Array(columns.length / 2), new Float32Array(columns.length / 2)];
  for (let i = 0; i < low.length; i++) {
    low[i] = columns[2 * i] / 127;
    high[i] = columns[2 * i + 1] / 127;
  }
  return [high, low];
}

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const waveColors = () => ({ waveColor: css("--wave"), progressColor: css("--wave-played"), cursorColor: css("--ink") });

const regions = WaveSurfer.Regions.create();
const ws = WaveSurfer.create({
  container: "#waveform", height: 128, normalize: true, media: audio(), peaks: peaks(), duration: total,
  plugins: [regions], cursorWidth: 2, dragToSeek: false, ...waveColors(),
});

const fitted = () => ws.getWidth() / total; // pixels a second that show all
const closest = () => Math.max(fitted(), Math.min(600, 3e7 / total));
const scale = () => ws.getWrapper().clientWidth / total;
const seen = () => {
  const start = ws.getScroll() / scale();
  return { start, end: Math.min(total, start + ws.getWidth() / scale()) };
};

/** Set the zoom, from 0 (all) to 1 (closest), and keep a time where it is on the screen. */
function zoomTo(value, time = null) {
  value = Math.min(1, Math.max(0, value));
  const { start, end } = seen();
  const now = ws.getCurrentTime();
  const held = time ?? (now >= start && now <= end ? now : (start + end) / 2);
  let place = (held - start) / (end - start);
  if (time === null) place = Math.min(0.8, Math.max(0.2, place)); // with something of what is around it
  const zoomed = fitted() * (closest() / fitted()) ** value;
  ws.zoom(value ? zoomed : 0);
  ws.setScroll(held * scale() - place * ws.getWidth());
  $("zoom").value = Math.round(1000 * value);
  $("zoom").setAttribute("aria-valuetext", value ? `${clock(seen().end - seen().start, 0)} on the screen` : "whole recording");
  drawSoon();
}
const zoomValue = () => $("zoom").value / 1000;

/** Bring a stretch onto the screen. */
function bringIntoView(start, end) {
  const now = seen();
  if (start >= now.start && end <= now.end) return;
  const width = now.end - now.start;
  ws.setScroll(Math.max(0, (end - start > width ? start - 0.1 * width : (start + end - width) / 2)) * scale());
}

function playSegment() {
  const { start, end } = segments[selected];
  alone = true;
  ws.play(start, end);
}

function playPause() {
  alone = false;
  ws.playPause();
}

function seek(time, play) {
  alone = false;
  select(indexAt(time), { scroll: false });
  ws.setTime(time);
  if (play && !ws.isPlaying()) ws.play();
}

// ---- boundaries that can be dragged: regions of what is on the screen

let shownRegions = "";

function placeRegions() {
  if (preview) return;
  const { start, end } = seen();
  const [first, last] = [indexAt(start), indexAt(end)];
  const many = last - first > Math.min(MOST_REGIONS, ws.getWidth() / REGION_PX);
  $("waveform").classList.toggle("crowded", many);
  const wantedNow = many ? "" : JSON.stringify(segments.slice(first, last + 1).map((s) => [s.start, s.end, s.label, hidden.has(s.label)])) + first;
  if (wantedNow === shownRegions) return;
  shownRegions = wantedNow;
  regions.clearRegions();
  if (many) return;
  for (let i = first; i <= last; i++) {
    const segment = segments[i];
    const region = regions.addRegion({
      id: `segment-${i}`, start: segment.start, end: segment.end, drag: false, resize: true,
      resizeStart: i > 0, resizeEnd: i < segments.length - 1,
      color: hidden.has(segment.label) ? "transparent" : labels[segment.label].color + "55",
    });
    region.index = i;
  }
}

regions.on("region-update", (region, side) => {
  if (!side) return;
  const b = region.index + (side === "end" ? 1 : 0);
  const time = clamped(b, side === "end" ? region.end : region.start);
  preview = { b, time };
  for (const other of regions.getRegions()) {
    if (other.index === b - 1) other.setOptions({ end: time, start: other.start });
    if (other.index === b) other.setOptions({ start: time, end: other.end });
  }
  $("clock").textContent = clock(time + data.offset);
  drawSoon();
});

regions.on("region-updated", () => {
  if (!preview) return;
  const { b, time } = preview;
  preview = null;
  commit(moved(b, time), selected, `Boundary at ${clock(time + data.offset)}`);
});

// ---- pictures: all of the recording, and lanes under the waveform

const lanes = { ribbon: 30, gap: 4, reference: reference.length ? 22 : 0, ruler: 22, spectrum: 0 };
let tiles = null;

function canvasOf(id, height) {
  const canvas = $(id), ratio = window.devicePixelRatio || 1;
  const width = canvas.clientWidth;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    canvas.style.height = `${height}px`;
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width };
}

/** Fill what of the segments lies from a time on, at `px` pixels a second. */
function drawSegments(context, among, { from, px, width, top, height, text }) {
  for (let i = indexAt(from, among); i < among.length; i++) {
    const segment = among[i], label = labels[segment.label];
    const left = Math.max(-4, (segment.start - from) * px), right = Math.min(width + 4, (segment.end - from) * px);
    if (left > width) break;
    context.globalAlpha = hidden.has(segment.label) ? 0.12 : 1;
    context.fillStyle = label.color;
    context.fillRect(left, top, Math.max(0.6, right - left - (right - left > 3 ? 1 : 0)), height);
    if (text && right - left > 20 && !hidden.has(segment.label)) {
      context.fillStyle = label.ink;
      const whole = right - left > context.measureText(label.shown).width + 14;
      context.fillText(whole ? label.shown : label.letter, Math.max(left, 0) + 6, top + height / 2 + 0.5);
    }
  }
  context.globalAlpha = 1;
}

function drawOverview() {
  const height = 30, { context, width } = canvasOf("overview", height);
  const px = width / total, { start, end } = seen();
  drawSegments(context, current(), { from: 0, px, width, top: 4, height: height - 8 });
  context.fillStyle = css("--ink");
  if (end - start < total * 0.999) {
    context.fillStyle = css("--veil");
    context.fillRect(0, 0, start * px, height);
    context.fillRect(end * px, 0, width - end * px, height);
    context.strokeStyle = css("--ink");
    context.lineWidth = 2;
    context.strokeRect(start * px + 1, 1, Math.max(4, (end - start) * px - 2), height - 2);
  }
  context.fillStyle = css("--accent");
  context.fillRect(ws.getCurrentTime() * px - 1, 0, 2, height);
}

/** The segments with the boundary where it is dragged to. */
const current = () => (preview ? moved(preview.b, preview.time) : segments);

function drawLanes() {
  const height = lanes.ribbon + lanes.gap + lanes.reference + lanes.ruler + lanes.spectrum;
  const { context, width } = canvasOf("lanes", height);
  const px = scale(), from = ws.getScroll() / px, view = { from, px, width, text: true };
  context.font = `600 12px ${css("--font")}`;
  context.textBaseline = "middle";
  drawSegments(context, current(), { ...view, top: 2, height: lanes.ribbon - 2 });
  const chosen = current()[selected];
  context.strokeStyle = css("--ink");
  context.lineWidth = 2.5;
  context.strokeRect((chosen.start - from) * px + 1, 2.5, Math.max(3, (chosen.end - chosen.start) * px - 3), lanes.ribbon - 3);
  let top = lanes.ribbon + lanes.gap;
  if (lanes.reference) {
    drawSegments(context, reference, { ...view, top, height: lanes.reference - 4 });
    context.font = `11px ${css("--font")}`;
    top += lanes.reference;
  }
  drawRuler(context, { from, px, width, top });
  if (lanes.reference) drawCaption(context, "▲ reference", width, top + 11);
  top += lanes.ruler;
  if (lanes.spectrum) drawSpectrum(context, { from, px, width, top });
  context.fillStyle = css("--accent");
  context.fillRect((ws.getCurrentTime() - from) * px - 1, 0, 2, height);
}

const steps = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200];

function drawRuler(context, { from, px, width, top }) {
  const step = steps.find((s) => s * px >= 84) ?? 14400;
  const decimals = step < 1 ? 1 : 0;
  context.font = `11px ${css("--font")}`;
  context.fillStyle = css("--quiet");
  for (let n = Math.ceil((from + data.offset) / step); ; n++) {
    const x = (n * step - data.offset - from) * px;
    if (x > width) break;
    context.fillRect(x, top, 1, 5);
    const text = clock(n * step, decimals);
    context.fillText(text, Math.min(x + 4, width - context.measureText(text).width), top + 11);
  }
}

/** Words at the right end of the ruler. */
function drawCaption(context, text, width, y) {
  const left = width - context.measureText(text).width - 8;
  context.fillStyle = css("--card");
  context.fillRect(left, y - 9, width - left, 18);
  context.fillStyle = css("--quiet");
  context.fillText(text, left + 8, y);
}

/** Black through purple and orange to a pale yellow (after matplotlib's inferno). */
const heat = [[0, 0, 4], [31, 12, 72], [85, 15, 109], [136, 34, 106], [186, 54, 85], [227, 89, 51], [249, 140, 10], [249, 201, 50], [252, 255, 164]];

async function spectrumTiles() {
  const packed = new Blob([bytes(data.spectra.data)]).stream().pipeThrough(new DecompressionStream("deflate"));
  const levels = new Uint8Array(await new Response(packed).arrayBuffer());
  const bands = data.spectra.bands, columns = levels.length / bands, made = [];
  for (let first = 0; first < columns; first += 4096) {
    const n = Math.min(4096, columns - first);
    const canvas = element("canvas", { width: n, height: bands });
    const context = canvas.getContext("2d");
    const image = context.createImageData(n, bands);
    for (let x = 0; x < n; x++)
      for (let band = 0; band < bands; band++) {
        const place = (levels[(first + x) * bands + band] / 255) * (heat.length - 1);
        const below = Math.min(heat.length - 2, Math.floor(place)), share = place - below;
        const at = 4 * ((bands - 1 - band) * n + x);
        for (let c = 0; c < 3; c++) image.data[at + c] = heat[below][c] * (1 - share) + heat[below + 1][c] * share;
        image.data[at + 3] = 255;
      }
    context.putImageData(image, 0, 0);
    made.push({ canvas, start: first * data.spectra.column, seconds: n * data.spectra.column });
  }
  return made;
}

function drawSpectrum(context, { from, px, width, top }) {
  const height = lanes.spectrum - 4;
  context.fillStyle = "#000004";
  context.fillRect(0, top, width, height);
  for (const tile of tiles || []) {
    const start = Math.max(from, tile.start), end = Math.min(from + width / px, tile.start + tile.seconds, total);
    if (end <= start) continue;
    const column = data.spectra.column;
    context.drawImage(tile.canvas, (start - tile.start) / column, 0, (end - start) / column, tile.canvas.height,
      (start - from) * px, top, (end - start) * px, height);
  }
  context.fillStyle = "#ffffffcc";
  context.font = `10px ${css("--font")}`;
  for (const hz of [500, 1000, 2000, 4000, 8000]) {
    const band = data.spectra.hz.findIndex((centre) => centre >= hz);
    if (band > 0) context.fillText(hz < 1000 ? `${hz} Hz` : `${hz / 1000} kHz`, 4, top + height * (1 - (band + 0.5) / data.spectra.bands));
  }
}

async function toggleSpectrogram() {
  lanes.spectrum = lanes.spectrum ? 0 : 168;
  $("spectrogram").setAttribute("aria-pressed", String(lanes.spectrum > 0));
  drawSoon();
  tiles ??= await spectrumTiles();
  drawSoon();
}

let drawing = false;
function drawSoon() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    if (!ws.getDuration()) return;
    placeRegions();
    drawOverview();
    drawLanes();
  });
}

// ---- the list of segments: only rows on the screen are elements

const list = $("segments");
const rows = element("div", { className: "rows", role: "presentation" });
list.append(rows);
let listed = [];

function isShown(segment) {
  if (hidden.has(segment.label)) return false;
  switch ($("show").value) {
    case "unsure": return isUnsure(segment);
    case "wrong": return wanted(segment).length > 0;
    case "edited": return segment.edited;
    default: return true;
  }
}

function row(i, place) {
  const segment = segments[i], label = labels[segment.label];
  const sure = segment.confidence === null ? "" : percent(segment.confidence);
  const other = wanted(segment)[0];
  const made = element("div", { id: `segment-${i}`, className: "row", role: "option" },
    chip(label),
    element("span", { className: "name", textContent: label.shown }),
    element("span", { className: "times", textContent: `${clock(segment.start + data.offset)} – ${clock(segment.end + data.offset)}` }),
    element("span", { className: "length", textContent: `${(segment.end - segment.start).toFixed(2)} s` }),
    element("span", { className: "sure" + (isUnsure(segment) ? " unsure" : ""), textContent: segment.edited ? "corrected" : sure }),
    element("span", { className: "note", textContent: other ? `reference: ${labels[other.label].shown}` : "" }));
  made.setAttribute("aria-selected", String(i === selected));
  made.setAttribute("aria-setsize", String(listed.length));
  made.setAttribute("aria-posinset", String(place + 1));
  made.style.top = `${place * ROW_PX}px`;
  made.dataset.index = i;
  return made;
}

function drawList() {
  rows.style.height = `${listed.length * ROW_PX}px`;
  const first = Math.max(0, Math.floor(list.scrollTop / ROW_PX) - 4);
  const last = Math.min(listed.length, Math.ceil((list.scrollTop + list.clientHeight) / ROW_PX) + 4);
  rows.replaceChildren(...listed.slice(first, last).map((i, k) => row(i, first + k)));
  const active = $(`segment-${selected}`);
  if (active) list.setAttribute("aria-activedescendant", active.id);
  else list.removeAttribute("aria-activedescendant");
}

/** Scroll the list so that the selected segment is on the screen. */
function reveal() {
  const place = listed.indexOf(selected);
  if (place >= 0) {
    const top = place * ROW_PX;
    if (top < list.scrollTop) list.scrollTop = top;
    else if (top + ROW_PX > list.scrollTop + list.clientHeight) list.scrollTop = top + ROW_PX - list.clientHeight;
  }
  drawList();
}

function select(i, { scroll = true, say = false } = {}) {
  if (i < 0 || i >= segments.length) return;
  selected = i;
  const segment = segments[i];
  if (scroll) bringIntoView(segment.start, segment.end);
  reveal();
  showClasses();
  drawSoon();
  if (say) {
    const sure = segment.edited ? ", corrected" : segment.confidence === null ? "" : `, ${percent(segment.confidence)} sure`;
    announce(`${labels[segment.label].shown}, ${clock(segment.start + data.offset)} to ${clock(segment.end + data.offset)}${sure}`);
  }
}

/** Select a segment, with the position at its beginning. */
function goTo(i) {
  alone = false;
  ws.setTime(segments[i].start);
  select(i, { say: true });
}

/** Go to the next or the last segment that is shown and like that. */
function jump(step, like = () => true) {
  for (let i = selected + step; i >= 0 && i < segments.length; i += step)
    if (isShown(segments[i]) && like(segments[i])) return goTo(i);
  announce(step > 0 ? "There is none after this" : "There is none before this");
}

// ---- buttons and words

function announce(text) {
  $("announcement").textContent = text || "";
}

function showStatus() {
  const n = segments.filter((s) => s.edited).length;
  $("status").textContent = n ? `${n} corrected${downloaded ? "" : ", not downloaded yet"}` : "";
  $("status").classList.toggle("pending", n > 0 && !downloaded);
  $("undo").disabled = !past.length;
  $("redo").disabled = !future.length;
}

function showClasses() {
  const seconds = labels.map(() => 0);
  for (const s of segments) seconds[s.label] += s.end - s.start;
  const label = segments[selected].label;
  [...$("classes").children].forEach((group, i) => {
    const [button, eye] = group.children;
    button.setAttribute("aria-pressed", String(i === label));
    button.querySelector(".share").textContent = percent(seconds[i] / total);
    eye.setAttribute("aria-pressed", String(hidden.has(i)));
    group.classList.toggle("hidden", hidden.has(i));
  });
}

function toggleHidden(label) {
  if (!hidden.delete(label)) hidden.add(label);
  announce(`${labels[label].shown} is ${hidden.has(label) ? "hidden" : "shown"}`);
  show();
}

function makeClasses() {
  labels.forEach((label, i) => {
    const key = i < 9 ? String(i + 1) : "";
    const button = element("button", { type: "button", className: "class", title: `Make the selected segment ${label.shown}${key ? ` (${key})` : ""}` },
      chip(label), element("span", { textContent: label.shown }), element("span", { className: "share quiet" }));
    if (key) {
      button.append(element("kbd", { textContent: key, "aria-hidden": "true" }));
      button.setAttribute("aria-keyshortcuts", key);
    }
    button.addEventListener("click", () => relabel(i));
    const eye = element("button", { type: "button", className: "eye", textContent: "hide", title: `Hide or show ${label.shown}` });
    eye.setAttribute("aria-label", `Hide ${label.shown}`);
    eye.addEventListener("click", () => toggleHidden(i));
    const group = element("span", { className: "pair class-pair" }, button, eye);
    group.style.setProperty("--color", label.color);
    $("classes").append(group);
  });
}

/** Everything that depends on the segments. */
function show() {
  listed = segments.map((_, i) => i).filter((i) => isShown(segments[i]));
  $("count").textContent = listed.length === segments.length ? `${segments.length}` : `${listed.length} of ${segments.length}`;
  showClasses();
  showStatus();
  drawList();
  drawSoon();
}

const keys = [
  { keys: [" "], shown: "Space", does: "play or pause", run: playPause },
  { keys: ["Enter"], shown: "Enter", does: "play the selected segment", run: playSegment },
  { keys: ["ArrowLeft", "ArrowUp", "k"], shown: "← ↑", does: "segment before", run: () => jump(-1) },
  { keys: ["ArrowRight", "ArrowDown", "j"], shown: "→ ↓", does: "segment after", run: () => jump(1) },
  { keys: ["Home"], shown: "Home", does: "first segment", run: () => goTo(0) },
  { keys: ["End"], shown: "End", does: "last segment", run: () => goTo(segments.length - 1) },
  { keys: [], shown: "1 … 9", does: "make the segment the first, second … class" },
  { keys: ["u"], shown: "U", does: "next segment less sure than 80 % (Shift: before)", run: () => jump(1, isUnsure) },
  { keys: ["U"], run: () => jump(-1, isUnsure) },
  { keys: ["d"], shown: "D", does: "next segment other than the reference (Shift: before)", run: () => jump(1, (s) => wanted(s).length > 0) },
  { keys: ["D"], run: () => jump(-1, (s) => wanted(s).length > 0) },
  { keys: [","], shown: ", .", does: "move its beginning a tenth of a second (Shift: its end)", run: () => nudge("start", -0.1) },
  { keys: ["."], run: () => nudge("start", 0.1) },
  { keys: ["<", ";"], run: () => nudge("end", -0.1) },
  { keys: [">", ":"], run: () => nudge("end", 0.1) },
  { keys: ["s"], shown: "S", does: "split at the position", run: split },
  { keys: ["m", "Delete"], shown: "M", does: "join with the next", run: merge },
  { keys: ["z"], shown: "Z", does: "undo", run: undo },
  { keys: ["y", "Z"], shown: "Y", does: "do again", run: redo },
  { keys: ["+", "="], shown: "+ −", does: "zoom", run: () => zoomTo(zoomValue() + 0.08) },
  { keys: ["-"], run: () => zoomTo(zoomValue() - 0.08) },
  { keys: ["f"], shown: "F", does: "see all of the recording", run: () => zoomTo(0) },
  { keys: ["g"], shown: "G", does: "spectrogram", run: toggleSpectrogram },
  { keys: ["h"], shown: "H", does: "hide or show the class of the segment", run: () => toggleHidden(segments[selected].label) },
  { keys: ["e"], shown: "E", does: "download the labels", run: save },
  { keys: ["?"], shown: "?", does: "this list", run: () => $("help-dialog").showModal() },
];
const byKey = new Map(keys.flatMap((entry) => entry.keys.map((key) => [key, entry.run])));

document.addEventListener("keydown", (event) => {
  const inList = event.target === list;
  if (event.ctrlKey || event.metaKey) {
    if (event.altKey || !takesKeys(event.target)) return;
    const act = { z: event.shiftKey ? redo : undo, Z: redo, y: redo }[event.key];
    if (act) {
      event.preventDefault();
      act();
    }
    return;
  }
  if (!takesKeys(event.target) || (!inList && !$("keys-on").checked)) return;
  // Buttons and links keep the keys that press them.
  if ([" ", "Enter"].includes(event.key) && event.target.closest("button, a")) return;
  const act = /^[1-9]$/.test(event.key) ? () => relabel(Number(event.key) - 1) : byKey.get(event.key);
  if (!act || event.altKey) return;
  event.preventDefault();
  act();
});

function connect() {
  $("play").addEventListener("click", playPause);
  $("undo").addEventListener("click", undo);
  $("redo").addEventListener("click", redo);
  $("split").addEventListener("click", split);
  $("merge").addEventListener("click", merge);
  $("download").addEventListener("click", save);
  $("spectrogram").addEventListener("click", toggleSpectrogram);
  $("help").addEventListener("click", () => $("help-dialog").showModal());
  $("show").addEventListener("change", () => {
    show();
    reveal();
  });
  $("speed").addEventListener("change", () => ws.setPlaybackRate(Number($("speed").value), true));
  $("zoom").addEventListener("input", () => zoomTo(zoomValue()));
  list.addEventListener("scroll", drawList);
  list.addEventListener("click", (event) => {
    const chosen = event.target.closest(".row");
    if (!chosen) return;
    select(Number(chosen.dataset.index), { say: true });
    playSegment();
  });
  $("stage").addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    const x = event.clientX - $("waveform").getBoundingClientRect().left;
    zoomTo(zoomValue() - event.deltaY / 1500, (ws.getScroll() + x) / scale());
  }, { passive: false });
  $("lanes").addEventListener("click", (event) => seek(Math.min(total, (ws.getScroll() + event.offsetX) / scale()), true));
  const overview = $("overview");
  const look = (event) => {
    const time = Math.min(total, Math.max(0, (event.offsetX / overview.clientWidth) * total));
    const { start, end } = seen();
    ws.setScroll((time - (end - start) / 2) * scale());
    seek(time, false);
  };
  overview.addEventListener("pointerdown", (event) => {
    overview.setPointerCapture(event.pointerId);
    look(event);
  });
  overview.addEventListener("pointermove", (event) => event.buttons && look(event));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    ws.setOptions(waveColors());
    drawSoon();
  });
  addEventListener("beforeunload", (event) => {
    // Where the browser keeps nothing, leaving would lose the corrections.
    if (!downloaded && !isKept) event.preventDefault();
  });
}

ws.on("ready", () => {
  drawSoon();
  document.documentElement.dataset.ready = "true";
});
ws.on("interaction", (time) => seek(time, true));
ws.on("timeupdate", (time) => {
  if (!preview) $("clock").textContent = clock(time + data.offset);
  if (ws.isPlaying() && !alone && indexAt(time) !== selected) select(indexAt(time), { scroll: false });
  drawSoon();
});
for (const event of ["scroll", "zoom", "redraw", "resize"]) ws.on(event, drawSoon);
for (const event of ["play", "pause", "finish"])
  ws.on(event, () => {
    const playing = ws.isPlaying();
    $("play").querySelector(".icon").textContent = playing ? "❚❚" : "▶";
    $("play").querySelector(".text").textContent = playing ? "Pause" : "Play";
  });
ws.on("error", () => {
  $("trouble").hidden = false;
  $("trouble").textContent = data.sound.source
    ? `The sound cannot be played: it must lie beside this page, as ${decodeURIComponent(data.sound.source).slice(2)}.`
    : "This browser cannot play the sound of this page (Opus in WebM).";
});

$("facts").textContent = [clock(total, 1), data.channel === null ? "" : `channel ${data.channel}`, data.model].filter(Boolean).join(" · ");
if (data.warnings.length) {
  $("warnings").hidden = false;
  $("warnings").append(...data.warnings.map((text) => element("li", { textContent: text })));
}
if (!reference.length) $("show").querySelector('[value="wrong"]').remove();
$("keys").append(...keys.filter((k) => k.shown).flatMap((k) => [
  element("dt", {}, element("kbd", { textContent: k.shown })), element("dd", { textContent: k.does })]));
makeClasses();
restore();
connect();
show();
