/** How the figures come about, for the report and the README's reader. */

/** One sentence each. */
export const METHOD: readonly string[] = [
  'Every run starts with an empty database of its own on disk. Repeats are interleaved (A B C A B C); all variants of a repeat get the same operations in the same order from one seed. Before, each variant runs once on a small part of the data without being counted.',
  'The durability is the same for every write of every variant and named beside the figures; “os” means that the operating system has the bytes when a write is acknowledged, not that the disk has.',
  'Memory is small on purpose (memtable and block cache are fractions of the data), so that lookups and scans go to tables. Each run proves by the engine’s counters that tables, blocks and filters were read; otherwise it fails.',
  'Every answer is compared with a model of what was written, and the whole content once more at the end, byte by byte. Wrong answers end the bench.',
  'An operation’s latency includes making its key and value and checking its answer. The percentiles are those of the phase’s most frequent kind of operation; all kinds are in results.csv.',
  'Closed loop: the next operation starts when the last has ended, so a stall hides operations that would have been issued meanwhile (coordinated omission), and percentiles understate it; stalls are therefore shown by themselves. With --rate operations are due at fixed times and latency counts from there, which corrects it.',
  'Every 5 ms of uninterrupted work the event loop gets a turn, which counts into the throughput. With several writes in flight, latency includes waiting for the others of the group.',
  '“Settle” is the time that flush and compaction need after a phase; it is measured apart, neither hidden nor charged to the reads that follow.',
  'Write amplification = bytes of log, flushes and compactions written ÷ bytes of keys and values written, counted by the engine over the whole run. Read amplification = blocks read from files ÷ lookups, over the phases of lookups alone. Space amplification = bytes of all files in the directory ÷ bytes of live keys and values of the model; the peak is by samples of 100 ms; below 1 means that compression saved more than old versions cost.',
  'One variant is marked as better only if its range over the repeats does not touch any other’s.',
];
