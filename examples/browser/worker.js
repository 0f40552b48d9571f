// The network in a thread of its own: samples in, keypoints out, one frame after another.
// Messages in: load {model}, start {reference, options}, samples {samples}, end. Out: ready, frame, ended, error.

import * as ort from "./vendor/ort.wasm.min.mjs";
import { readMetadata } from "./metadata.js";
import { Noise } from "./noise.js";
import { Windows } from "./windows.js";

ort.env.wasm.wasmPaths = new URL("./vendor/", import.meta.url).href;
ort.env.wasm.numThreads = 1;
ort.env.logLevel = "error";

let session, metadata, stream;

const tensor = (data, shape) => new ort.Tensor("float32", data, shape);

async function load(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`found no model at ${address}: run prepare.py`);
  const bytes = new Uint8Array(await answer.arrayBuffer());
  metadata = readMetadata(bytes);
  session = await ort.InferenceSession.create(bytes, { executionProviders: ["wasm"], logSeverityLevel: 3 });
  postMessage({ type: "ready", metadata });
}

function start(reference, options) {
  const gains = {};
  for (const [name, usual] of Object.entries(JSON.parse(metadata.gains))) {
    gains[name] = tensor([options[name] ?? usual], []);
  }
  const size = Number(metadata.state_size);
  stream = {
    fixed: { ...gains, reference: tensor(Float32Array.from(reference.flat()), [1, reference.length, 2]) },
    state: tensor(new Float32Array(size), [1, size]),
    noise: new Noise(options.seed ?? 0),
    windows: new Windows(metadata),
  };
}

async function compute() {
  const { windows } = stream;
  while (windows.ready) {
    const index = windows.taken;
    const begin = performance.now();
    const { window, hops } = windows.take();
    const { keypoints, next_state: state } = await session.run({
      ...stream.fixed,
      samples: tensor(window, [1, window.length]),
      num_hops: tensor([hops], [1]),
      noise: tensor(stream.noise.take(5), [1, 5]),
      state: stream.state,
    });
    stream.state = state;
    postMessage({ type: "frame", index, keypoints: keypoints.data, ms: performance.now() - begin });
  }
  if (windows.ended) postMessage({ type: "ended", frames: windows.taken });
}

const actions = {
  load: ({ model }) => load(model),
  start: ({ reference, options }) => start(reference, options),
  samples: ({ samples }) => {
    stream.windows.push(samples);
    return compute();
  },
  end: () => {
    stream.windows.ended = true;
    return compute();
  },
};

// One message after another, whatever a message waits for.
let last = Promise.resolve();
onmessage = ({ data }) => {
  last = last
    .then(() => actions[data.type](data))
    .catch((error) => postMessage({ type: "error", message: error.message }));
};
