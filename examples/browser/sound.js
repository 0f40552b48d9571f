// Where the samples come from: a file, or the microphone.

/** Returns the samples of a sound file, mono, at a rate in Hz. */
export async function decodeFile(file, rate) {
  const context = new OfflineAudioContext(1, 1, rate);
  let sound;
  try {
    sound = await context.decodeAudioData(await file.arrayBuffer());
  } catch {
    throw new Error(`expected a sound file that this browser plays, got ${file.name}`);
  }
  const mono = new Float32Array(sound.length);
  for (let channel = 0; channel < sound.numberOfChannels; channel++) {
    sound.getChannelData(channel).forEach((sample, i) => (mono[i] += sample / sound.numberOfChannels));
  }
  return mono;
}

/** Plays samples; returns the seconds that have been heard, and a way to stop. */
export async function play(samples, rate, onEnd) {
  const context = new AudioContext();
  await context.resume();
  const buffer = context.createBuffer(1, samples.length, rate);
  buffer.copyToChannel(samples, 0);
  const source = context.createBufferSource();
  source.buffer = buffer;
  source.connect(context.destination);
  source.onended = onEnd;
  source.start();
  const begin = context.currentTime;
  return {
    seconds: () => context.currentTime - begin - (context.outputLatency || 0),
    stop: () => context.close(),
  };
}

/** Calls back with pieces of what the microphone hears; returns a way to stop. */
export async function listen(rate, onPiece) {
  const media = await navigator.mediaDevices.getUserMedia({
    audio: { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: false },
  });
  const context = new AudioContext({ sampleRate: rate });
  await context.audioWorklet.addModule(new URL("./microphone.js", import.meta.url));
  const pieces = new AudioWorkletNode(context, "pieces", { numberOfOutputs: 0 });
  pieces.port.onmessage = ({ data }) => onPiece(data);
  context.createMediaStreamSource(media).connect(pieces);
  await context.resume();
  return {
    stop: () => {
      media.getTracks().forEach((track) => track.stop());
      return context.close();
    },
  };
}
