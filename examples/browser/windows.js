// The incoming sound, cut into what the graph needs for each frame.

/** Holds the samples that the next frames need, and counts the frames that no later sample can change. */
export class Windows {
  constructor(metadata) {
    const number = (name) => Number(metadata[name]);
    this.step = number("samples_per_frame");
    this.size = number("window_samples");
    this.offset = number("window_offset"); // of the first window; before the sound there is silence
    this.rightContext = number("right_context_samples");
    this.ahead = number("lookahead_hops");
    this.begin = Math.min(0, this.offset);
    this.pending = new Float32Array(-this.begin);
    this.heard = this.taken = 0;
    this.ended = false;
  }

  push(samples) {
    const joined = new Float32Array(this.pending.length + samples.length);
    joined.set(this.pending);
    joined.set(samples, this.pending.length);
    this.pending = joined;
    this.heard += samples.length;
  }

  /** The number of complete frames that were not yet taken. */
  get ready() {
    if (!this.heard) return 0;
    if (this.ended) return this.#frames() - this.taken;
    const final = Math.min(this.heard, this.step * this.#frames());
    return Math.max(0, Math.floor((final - this.rightContext) / this.step) + 1 - this.taken);
  }

  /** Returns the samples of the next frame, and how many of its four spectrogram frames are before the end. */
  take() {
    const first = this.taken * this.step + this.offset;
    let samples = this.pending.subarray(first - this.begin, first - this.begin + this.size);
    let hops = 4;
    if (this.ended) {
      const total = this.#frames();
      hops = Math.max(0, Math.min(4, 4 * (total - this.taken) - this.ahead));
      samples = samples.subarray(0, Math.max(0, total * this.step - first));
    }
    const window = new Float32Array(this.size);
    window.set(samples);
    this.taken++;
    const done = Math.min(first + this.step - this.begin, this.pending.length);
    if (done > 0) {
      this.pending = this.pending.slice(done);
      this.begin += done;
    }
    return { window, hops };
  }

  /** Returns round(samples / step), halves to even numbers as in Python, at least 1. */
  #frames() {
    const whole = Math.floor(this.heard / this.step);
    const twice = 2 * (this.heard - whole * this.step);
    return Math.max(1, whole + (twice > this.step || (twice === this.step && whole % 2) ? 1 : 0));
  }
}
