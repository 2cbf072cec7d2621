// The other end of panels/web/board.py: bytes into arrays. Little-endian, as every machine that a browser runs on.

export const BOARD = 1, PAST = 2, STRIPS = 3;
export const UNKNOWN = 255; // a score's byte; the others are halves of a point
export const STRIP_UNKNOWN = -128;
export const AGE_MAX = 65535; // tenths of a second

// Copies, for a view on bytes must begin at a multiple of its size.
const part = (buffer, at, Kind, count) => new Kind(buffer.slice(at, at + count * Kind.BYTES_PER_ELEMENT));

/** A board frame, or null where it is not of the layout that is known. */
export function readBoard(buffer, layout) {
  const view = new DataView(buffer);
  const k = view.getUint8(1), r = view.getUint8(2), id = view.getUint32(4, true);
  if (!layout || id !== layout.id) return null;
  const n = layout.markets.length;
  let at = 16;
  const take = (Kind, count) => {
    const found = part(buffer, at, Kind, count);
    at += count * Kind.BYTES_PER_ELEMENT;
    return found;
  };
  return {
    timeMs: view.getFloat64(8, true),
    mids: take(Float64Array, n),
    ages: take(Uint16Array, n),
    states: take(Uint8Array, n),
    scores: take(Uint8Array, n * k),
    regimes: take(Uint8Array, r),
  };
}

/** The last minute of every market and the last minutes of the regimes; null where not of this layout. */
export function readStrips(buffer, layout) {
  const view = new DataView(buffer);
  const steps = view.getUint8(1), regimeSteps = view.getUint16(2, true);
  if (!layout || view.getUint32(4, true) !== layout.id) return null;
  const n = layout.markets.length;
  return {
    steps,
    strips: part(buffer, 8, Int8Array, n * steps),
    regimeSteps,
    regimes: part(buffer, 8 + n * steps, Uint8Array, layout.regimes.length * regimeSteps),
  };
}

/** A market's past: times in seconds, mids (null: none), and one array a score (null: unknown). */
export function readPast(buffer) {
  const view = new DataView(buffer);
  const k = view.getUint8(1), n = view.getUint16(2, true), number = view.getUint32(4, true);
  const times = part(buffer, 8, Float64Array, n), mids = part(buffer, 8 + 8 * n, Float64Array, n);
  const bytes = part(buffer, 8 + 16 * n, Uint8Array, n * k);
  const scores = Array.from({ length: k }, (_, j) =>
    Array.from(times, (_, i) => (bytes[i * k + j] === UNKNOWN ? null : bytes[i * k + j] / 2)));
  return {
    number,
    times: Array.from(times, (ms) => ms / 1000),
    mids: Array.from(mids, (mid) => (Number.isNaN(mid) ? null : mid)),
    scores,
  };
}
