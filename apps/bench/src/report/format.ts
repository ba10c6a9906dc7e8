/** Numbers as people read them, always with their unit. */

/** A count with three digits and a letter for the scale: `1.23 M`. */
export function formatCount(value: number): string {
  if (!Number.isFinite(value)) return '–';
  if (value >= 1e9) return `${digits(value / 1e9)} G`;
  if (value >= 1e6) return `${digits(value / 1e6)} M`;
  if (value >= 1e4) return `${digits(value / 1e3)} K`;
  return digits(value);
}

/** Bytes with binary units. */
export function formatBytes(value: number): string {
  if (value >= 2 ** 30) return `${digits(value / 2 ** 30)} GiB`;
  if (value >= 2 ** 20) return `${digits(value / 2 ** 20)} MiB`;
  if (value >= 2 ** 10) return `${digits(value / 2 ** 10)} KiB`;
  return `${Math.round(value)} B`;
}

/** Seconds, from µs to minutes. */
export function formatSeconds(value: number): string {
  const whole = Math.round(value);
  if (whole >= 90) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  if (value >= 1) return `${digits(value)} s`;
  if (value >= 1e-3) return `${digits(value * 1e3)} ms`;
  return `${digits(value * 1e6)} µs`;
}

/** µs, as a latency. */
export function formatMicroseconds(value: number): string {
  return formatSeconds(value / 1e6);
}

/** Three significant digits, no exponent. */
export function digits(value: number): string {
  if (value === 0) return '0';
  if (Math.abs(value) >= 100) return String(Math.round(value));
  return String(Number(value.toPrecision(3)));
}
