// Samples of the microphone at a given rate, in pieces of 20 ms.

class Pieces extends AudioWorkletProcessor {
  constructor() {
    super();
    this.size = Math.round(sampleRate / 50);
    this.piece = new Float32Array(this.size);
    this.at = 0;
  }

  process([[channel]]) {
    for (const sample of channel ?? []) {
      this.piece[this.at++] = sample;
      if (this.at === this.size) {
        this.port.postMessage(this.piece);
        this.piece = new Float32Array(this.size);
        this.at = 0;
      }
    }
    return true;
  }
}

registerProcessor("pieces", Pieces);
