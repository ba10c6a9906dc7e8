import {
  decodeTrace,
  type Trace,
  type TraceHeader,
  TraceKind,
  type TraceTotals,
  TraceWriter,
} from '@lsm/compaction';
import { isLsmError, KeyHasher } from '@lsm/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PREAMBLE_BYTES, traceCheck } from '../../src/lab/trace-format.ts';

const HEADER: TraceHeader = {
  sample: 0.25,
  sketchBytes: 8,
  startedAt: 1_700_000_000_000,
  flushBytes: 65_536,
  tableBytes: 16_384,
  maxTaskBytes: 262_144,
  maxTasks: 2,
  strategy: { name: 'hybrid', settings: { ratio: 4 } },
  runs: [{ level: 1, entries: 10, bytes: 1000 }],
  largestKey: '7a7a',
};
const TOTALS: TraceTotals = {
  durationMs: 12.5,
  puts: 3,
  deletes: 1,
  rangeDeletes: 1,
  gets: 2,
  scans: 1,
  flushes: 4,
  end: 'stopped',
};

interface Operation {
  readonly kind: number;
  readonly key: Uint8Array;
  readonly size: number;
}

function identityOf(key: Uint8Array): number {
  const padded = new Uint8Array((key.length + 3) & ~3);
  padded.set(key);
  const hasher = new KeyHasher([1, 2]);
  hasher.hash(new Int32Array(padded.buffer), 0, key.length);
  return hasher.high >>> 0;
}

function encode(
  operations: readonly Operation[],
  { header = HEADER, chunkEvery = Infinity } = {},
): Uint8Array {
  const parts: Uint8Array[] = [];
  let now = 0;
  const writer = new TraceWriter({
    header,
    id: [0xdeadbeef, 7],
    write: (bytes) => parts.push(bytes),
    now: () => now++,
  });
  for (const [i, { kind, key, size }] of operations.entries()) {
    writer.add(kind, identityOf(key), key, 0, key.length, size);
    if (i % chunkEvery === chunkEvery - 1) writer.flush();
  }
  writer.end(TOTALS);
  const whole = new Uint8Array(Buffer.concat(parts));
  expect(writer.bytes).toBe(whole.length);
  return whole;
}

const plainKinds = [1, 2, 6, 7];
const keyArbitrary = fc
  .tuple(
    fc.constantFrom('', 'user/', 'a long prefix that keys share/'),
    fc.uint8Array({ maxLength: 20 }),
  )
  .map(([prefix, tail]) => new Uint8Array([...Buffer.from(prefix), ...tail]));
const operationArbitrary: fc.Arbitrary<Operation> = fc.record({
  kind: fc.constantFrom(...plainKinds),
  key: keyArbitrary,
  size: fc.integer({ min: 0, max: 2 ** 31 }),
});

const put = (key: string, size = 10): Operation => ({
  kind: TraceKind.put,
  key: new Uint8Array(Buffer.from(key)),
  size,
});

describe('a trace', () => {
  test('comes back as it was recorded', () => {
    fc.assert(
      fc.property(
        fc.array(operationArbitrary, { maxLength: 60 }),
        fc.integer({ min: 0, max: 12 }),
        fc.integer({ min: 1, max: 30 }),
        (operations, sketchBytes, chunkEvery) => {
          const header = { ...HEADER, sketchBytes };
          const trace = decodeTrace(encode(operations, { header, chunkEvery }));
          expect(trace.header).toEqual(header);
          expect(trace.totals).toEqual(TOTALS);
          const { kinds, sizes, identities, sketches } = trace.operations;
          expect([...kinds]).toEqual(operations.map(({ kind }) => kind));
          expect([...sizes]).toEqual(operations.map(({ size }) => size));
          expect([...identities]).toEqual(operations.map(({ key }) => identityOf(key)));
          for (const [i, { key }] of operations.entries()) {
            const text = String.fromCharCode(...key);
            const sketch = sketches[i]!;
            if (sketchBytes === 0) expect(sketch).toBe('');
            else expect(text.padEnd(sketch.length, '\0').slice(0, sketch.length)).toBe(sketch);
          }
        },
      ),
    );
  });

  test('keeps the bytes that tell keys apart, behind those that they share', () => {
    const keys = ['customer/000000000017/a', 'customer/000000000017/b', 'customer/000000000023/a'];
    const { sketches } = decodeTrace(encode(keys.map((key) => put(key)))).operations;
    expect(sketches.map((sketch) => sketch.replaceAll('\0', ''))).toEqual(keys);
    expect(encode(keys.map((key) => put(key))).includes('customer'.charCodeAt(0))).toBe(true);
  });

  test('keeps telling keys apart beside a scan over everything', () => {
    const keys = ['customer/000000000017/a', 'customer/000000000017/b'];
    const scan = (key: string): Operation => ({
      kind: TraceKind.scan,
      key: new Uint8Array(Buffer.from(key)),
      size: 100,
    });
    const starts = ['', 'zebra', 'customer/000000000017/aa', 'customer/0', 'customer/1'].map(scan);
    const operations = [starts[0]!, ...keys.map((key) => put(key)), ...starts.slice(1)];
    const { sketches } = decodeTrace(encode(operations)).operations;
    const shared = 'customer/000000000017/';
    const low = shared.padEnd(shared.length + 8, '\0');
    const high = shared.padEnd(shared.length + 8, '\xff');
    expect(sketches.slice(1, 3).map((sketch) => sketch.replaceAll('\0', ''))).toEqual(keys);
    expect([sketches[0], sketches[3], sketches[5], sketches[6]]).toEqual([low, high, low, high]);
    expect(sketches[4]!.replaceAll('\0', '')).toBe('customer/000000000017/aa');
  });

  test('has no byte of any key if none is wanted', () => {
    const bytes = encode([put('secret-key-1'), put('secret-key-2')], {
      header: { ...HEADER, sketchBytes: 0, largestKey: null },
    });
    expect(Buffer.from(bytes).includes('secret')).toBe(false);
  });

  test('spreads the times of a chunk evenly', () => {
    const operations = Array.from({ length: 8 }, (_, i) => put(`key ${i}`));
    const { times } = decodeTrace(encode(operations, { chunkEvery: 4 })).operations;
    expect([...times]).toEqual([0, 0.25, 0.5, 0.75, 2, 2.25, 2.5, 2.75]);
  });

  test('writes a chunk before its keys take too much memory', () => {
    const long = 'x'.repeat(2000);
    const operations = Array.from({ length: 3000 }, (_, i) => put(`${i}${long}`));
    const { kinds, sketches } = decodeTrace(encode(operations)).operations;
    expect(kinds.length).toBe(3000);
    expect(sketches[2999]!.startsWith('2999')).toBe(true);
  });

  test('refuses a share of keys or a number of bytes that is out of range', () => {
    for (const wrong of [
      { sample: 0 },
      { sample: 1.1 },
      { sketchBytes: 65 },
      { sketchBytes: 0.5 },
    ]) {
      expect(() => encode([], { header: { ...HEADER, ...wrong } })).toThrow(/has to be/);
    }
  });
});

describe('a damaged trace', () => {
  const operations: Operation[] = [
    ...['b', 'a', 'c'].map((key) => put(`shared ${key}`)),
    { kind: TraceKind.rangeDelete, key: new Uint8Array([97]), size: 2 },
    { kind: TraceKind.rangeUpper, key: new Uint8Array([99]), size: 0 },
    { kind: TraceKind.scan, key: new Uint8Array([98]), size: 300 },
  ];
  const whole = encode(operations, { chunkEvery: 5 });

  test('is refused, whichever byte it is', () => {
    for (let at = 0; at < whole.length; at++) {
      for (const mask of [1, 0x80, 0xff]) {
        const damaged = whole.slice();
        damaged[at] = damaged[at]! ^ mask;
        let caught: unknown = null;
        try {
          decodeTrace(damaged, 'x.trace');
        } catch (error) {
          caught = error;
        }
        expect(isLsmError(caught, 'LSM_CORRUPTION'), `byte ${at} by ${mask}`).toBe(true);
      }
    }
  });

  test('counts as far as it goes if it only ends early', () => {
    const counts = new Set<number>();
    for (let length = 0; length < whole.length; length++) {
      let trace: Trace | null = null;
      try {
        trace = decodeTrace(whole.subarray(0, length));
      } catch (error) {
        expect(isLsmError(error, 'LSM_CORRUPTION')).toBe(true);
        continue;
      }
      expect(trace.totals).toBeNull();
      counts.add(trace.operations.kinds.length);
    }
    expect([...counts]).toEqual([0, 5, 6]);
  });

  test('is refused with anything behind its end', () => {
    expect(() => decodeTrace(new Uint8Array([...whole, 0]))).toThrow(/follow the end/);
  });

  test('is refused if a range delete has no end, or an end no range delete', () => {
    const upper = operations[4]!;
    expect(() => decodeTrace(encode([upper]))).toThrow(/unknown kind/);
    expect(() => decodeTrace(encode([operations[3]!, operations[0]!]))).toThrow(/unknown kind/);
  });

  test('of a later version is told apart from damage', () => {
    const later = whole.slice(0, PREAMBLE_BYTES);
    later[4] = 2;
    const { low, high } = traceCheck(later.subarray(0, 16), [0xdeadbeef, 7], 0);
    new DataView(later.buffer).setUint32(16, low, true);
    new DataView(later.buffer).setUint32(20, high, true);
    expect(() => decodeTrace(later)).toThrow(
      expect.objectContaining({ code: 'LSM_UNSUPPORTED_FORMAT' }),
    );
  });
});
