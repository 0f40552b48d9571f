// The seeded normal numbers that PyTorch draws on a CPU, so that a seed gives the head motion and blinks of Python.
// The generator is MT19937 (Matsumoto and Nishimura, 1998); pairs of normal numbers come by the method of Box and Muller.

const SIZE = 624;

/** Standard normal numbers of a seed, one after another. */
export class Noise {
  constructor(seed) {
    this.words = new Uint32Array(SIZE);
    this.words[0] = seed >>> 0;
    for (let i = 1; i < SIZE; i++) {
      const last = this.words[i - 1] ^ (this.words[i - 1] >>> 30);
      this.words[i] = Math.imul(1812433253, last) + i;
    }
    this.at = SIZE;
    this.second = null;
  }

  /** Returns the numbers of a frame: four for the head pose and one for blinks. */
  take(count) {
    return Float32Array.from({ length: count }, () => this.#normal());
  }

  #normal() {
    if (this.second !== null) {
      const value = this.second;
      this.second = null;
      return value;
    }
    const turn = 2 * Math.PI * this.#uniform();
    const radius = Math.sqrt(-2 * Math.log1p(-this.#uniform()));
    this.second = radius * Math.sin(turn);
    return radius * Math.cos(turn);
  }

  /** Returns a number in [0, 1) of 53 random bits, the lower ones of two words. */
  #uniform() {
    const high = this.#word() & 0x1fffff;
    return (high * 2 ** 32 + this.#word()) / 2 ** 53;
  }

  #word() {
    if (this.at === SIZE) this.#twist();
    let y = this.words[this.at++];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  #twist() {
    const words = this.words;
    for (let i = 0; i < SIZE; i++) {
      const y = (words[i] & 0x80000000) | (words[(i + 1) % SIZE] & 0x7fffffff);
      words[i] = words[(i + 397) % SIZE] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    this.at = 0;
  }
}
