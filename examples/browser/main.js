// The page: what its buttons do, and when a frame is drawn.

import { drawFace, squareAround } from "./face.js";
import { findKeypoints, readKeypoints } from "./portrait.js";
import { decodeFile, listen, play } from "./sound.js";
import { Warp } from "./warp.js";

const element = (id) => document.getElementById(id);
const GAINS = ["expression", "head_motion", "blink"];

const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
let metadata, rate, fps; // of the model
let face = null; // what is drawn: keypoints [[x, y], …], width, height, portrait
let view = null; // the part of the picture that is shown: x, y, width, height
let warp = null;
let talk = null; // what is spoken: samples sent, frames received, whether it lives, what stops it

function say(text, isError = false) {
  element("status").textContent = text;
  element("status").classList.toggle("error", isError);
}

/** Runs what a visitor has asked for, and says what went wrong. */
const guarded = (action) => async (event) => {
  try {
    await action(event);
  } catch (error) {
    await finish();
    say(error.name === "NotAllowedError" ? "The microphone is not allowed here." : error.message, true);
  }
};

function draw(keypoints) {
  face.drawn = keypoints;
  drawFace(element("face"), keypoints, view);
  warp?.draw(keypoints, view);
}

/** Shows the face, or the whole portrait. */
function show() {
  view = face.portrait && element("whole").checked ? { x: 0, y: 0, width: face.width, height: face.height } : squareAround(face);
  if (warp) Object.assign(element("warped"), { width: Math.round(view.width), height: Math.round(view.height) });
  draw(face.drawn ?? face.keypoints.flat());
}
element("whole").onchange = () => face && show();

/** Says on a button that it now stops what it began, or no longer. */
function mark(button, text, isOn) {
  element(button).textContent = text;
  element(button).classList.toggle("on", isOn);
}

function begin(live) {
  const options = { seed: Number(element("seed").value), neutralize_mouth: Number(element("neutralize_mouth").checked) };
  for (const name of GAINS) options[name] = Number(element(name).value);
  talk = { live, frames: [], pieces: [], sent: 0, ms: 0, stop: null, seconds: null };
  worker.postMessage({ type: "start", reference: face.keypoints, options });
  element("save").disabled = true;
}

function send(samples) {
  talk.pieces.push(samples);
  talk.sent += samples.length;
  worker.postMessage({ type: "samples", samples });
}

async function finish() {
  const stop = talk?.stop;
  if (!stop) return;
  talk.stop = null;
  mark("microphone", "Use the microphone", false);
  mark("speak", "Speak the file", false);
  await stop();
  if (talk.live) worker.postMessage({ type: "end" });
  else if (talk.summary) say(talk.summary);
}

const received = {
  ready: (message) => {
    metadata = message.metadata;
    [rate, fps] = [Number(metadata.sample_rate), Number(metadata.fps)];
    face = { keypoints: JSON.parse(metadata.mean_face), width: 224, height: 224 };
    show();
    element("microphone").disabled = false;
    element("speak").disabled = !element("speech").files.length;
    const ahead = Math.round((1000 * metadata.right_context_samples) / rate);
    say(`Ready. A frame needs ${ahead} ms of sound after its time.`);
  },
  frame: ({ index, keypoints, ms }) => {
    talk.frames.push(keypoints);
    talk.ms += ms;
    element("frames").textContent = String(talk.frames.length);
    element("compute").textContent = `${(talk.ms / talk.frames.length).toFixed(1)} ms`;
    if (!talk.live) return;
    draw(keypoints);
    element("latency").textContent = `${Math.round(1000 * (talk.sent / rate - index / fps))} ms`;
  },
  ended: ({ frames }) => {
    talk.ended = true;
    element("save").disabled = !frames;
    talk.summary = `Done: ${frames} frames.`;
    if (!talk.stop) say(talk.summary); // otherwise it is still being heard
  },
  error: ({ message }) => say(message, true),
};
worker.onmessage = ({ data }) => received[data.type](data);
worker.onerror = () => say("The network could not be loaded: run prepare.py, and open this page from a server.", true);

/** Draws the frames of a file in the time of its sound. */
function follow(current) {
  if (talk !== current || !current.seconds) return;
  const keypoints = current.frames[Math.min(current.frames.length - 1, Math.floor(current.seconds() * fps))];
  if (keypoints) draw(keypoints);
  requestAnimationFrame(() => follow(current));
}

element("speak").onclick = guarded(async () => {
  const isOn = Boolean(talk?.stop) && !talk.live;
  await finish();
  if (isOn) return;
  const samples = await decodeFile(element("speech").files[0], rate);
  begin(false);
  say("Speaking …");
  for (let at = 0; at < samples.length; at += rate) send(samples.slice(at, at + rate));
  worker.postMessage({ type: "end" });
  const current = talk;
  const sound = await play(samples, rate, () => current === talk && finish());
  Object.assign(current, { stop: sound.stop, seconds: sound.seconds });
  mark("speak", "Stop", true);
  say("Speaking …");
  element("latency").textContent = "–";
  follow(current);
});

element("microphone").onclick = guarded(async () => {
  const isOn = Boolean(talk?.stop) && talk.live;
  await finish();
  if (isOn) return;
  begin(true);
  const current = talk;
  current.stop = (await listen(rate, (piece) => current === talk && current.stop && send(piece))).stop;
  mark("microphone", "Stop the microphone", true);
  say("Listening …");
});

element("speech").onchange = () => {
  element("speak").disabled = !metadata || !element("speech").files.length;
};

const changeFace = guarded(async () => {
  const [file] = element("portrait").files;
  const [list] = element("keypoints").files;
  if (!file) return;
  const portrait = await createImageBitmap(file);
  const count = JSON.parse(metadata.mean_face).length;
  const keypoints = list ? readKeypoints(await list.text(), count) : await findKeypoints(file);
  await finish();
  face = { keypoints, width: portrait.width, height: portrait.height, portrait };
  // A canvas keeps its WebGL, so a new portrait gets a new one.
  const canvas = element("warped").cloneNode();
  element("warped").replaceWith(canvas);
  canvas.hidden = false;
  warp = new Warp(canvas, portrait, keypoints);
  show();
  say("The portrait is ready.");
});
element("portrait").onchange = element("keypoints").onchange = changeFace;

for (const name of GAINS) {
  element(name).oninput = () => {
    document.querySelector(`[data-of=${name}]`).textContent = element(name).value;
  };
}

element("save").onclick = () => {
  const frames = talk.frames.map((keypoints) => Array.from({ length: keypoints.length / 2 }, (_, k) => [...keypoints.slice(2 * k, 2 * k + 2)]));
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([JSON.stringify({ fps, keypoints: frames })], { type: "application/json" }));
  link.download = "keypoints.json";
  link.click();
  URL.revokeObjectURL(link.href);
};

/** Returns what was heard and what it gave: samples, frames of keypoints, ms a frame, whether it has ended. */
export function recording() {
  const samples = talk ? talk.pieces.flatMap((piece) => [...piece]) : [];
  const frames = talk ? talk.frames.map((keypoints) => [...keypoints]) : [];
  return { samples, frames, ms: talk ? talk.ms / frames.length : 0, ended: talk?.ended ?? false };
}

worker.postMessage({ type: "load", model: new URL("./vendor/model.onnx", import.meta.url).href });
