// A client of `a2k serve` in twenty lines: a WAV file (16 bit, mono) as a live stream, its frames as lines of JSON.
// Node.js 22 or newer has WebSocket; in a browser, the same calls take samples of a microphone from an AudioWorklet.
import { readFile } from "node:fs/promises";

const [address, path] = process.argv.slice(2);
const wav = await readFile(path);
const rate = wav.readUInt32LE(24);
const samples = wav.subarray(wav.indexOf("data") + 8);
const server = new WebSocket(address, ["a2k.v1"]); // with a token: ["a2k.v1", `a2k.token.${token}`]

server.onopen = () => server.send(JSON.stringify({ type: "start", rate, frames: "json" }));
server.onmessage = async ({ data }) => {
  console.log(data);
  if (JSON.parse(data).type !== "ready") return;
  const size = 2 * Math.floor(rate / 25);
  for (let begin = 0; begin < samples.length; begin += size) {
    server.send(samples.subarray(begin, begin + size));
    await new Promise((resolve) => setTimeout(resolve, 40)); // as it would be spoken
  }
  server.send(JSON.stringify({ type: "end" }));
};
server.onclose = ({ code }) => process.exit(code === 1000 ? 0 : 1);
