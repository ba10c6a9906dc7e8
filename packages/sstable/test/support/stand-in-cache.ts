/** Stand-in until the block cache is there. */
export class BlockCache {
  start: number;
  frameBytes: number;
  frameCount: number;
  owner: any[] = [];
  block: number[] = [];
  pins: number[] = [];
  hand = 0;
  constructor(_b: Uint8Array, o: any) {
    this.start = o.start ?? 0;
    this.frameBytes = o.frameBytes;
    this.frameCount = o.frameCount;
    for (let i = 0; i < o.frameCount; i++) {
      this.owner.push(null);
      this.block.push(-1);
      this.pins.push(0);
    }
  }
  register(n: number) {
    return { frameOf: new Int32Array(n).fill(-1) };
  }
  unregister(h: any) {
    for (let i = 0; i < this.frameCount; i++) if (this.owner[i] === h) this.discard(i);
  }
  touch() {}
  offsetOf(f: number) {
    return this.start + f * this.frameBytes;
  }
  insert(h: any, b: number) {
    for (let i = 0; i < this.frameCount; i++) {
      const f = this.hand;
      this.hand = (this.hand + 1) % this.frameCount;
      if (this.pins[f] === 0) {
        this.discard(f);
        this.owner[f] = h;
        this.block[f] = b;
        h.frameOf[b] = f;
        return f;
      }
    }
    return -1;
  }
  discard(f: number) {
    if (this.owner[f]) this.owner[f].frameOf[this.block[f]!] = -1;
    this.owner[f] = null;
  }
  pin(f: number) {
    this.pins[f]!++;
  }
  unpin(f: number) {
    this.pins[f]!--;
  }
}
