// Numbers, times and names as people read them.

/** Seven significant digits, as the terminal shows them: 61,805.23, 0.00001234; – before the first. */
export function price(mid) {
  if (!(mid > 0)) return "–";
  let decimals = 6, scaled = mid;
  while (scaled >= 10 && decimals > 2) { decimals--; scaled /= 10; }
  while (scaled < 1 && decimals < 10) { decimals++; scaled *= 10; }
  const text = mid.toFixed(decimals), point = text.length - decimals - 1;
  return mid < 1000 ? text : text.slice(0, point).replace(/\B(?=(\d{3})+$)/g, ",") + text.slice(point);
}

export function span(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86400)} d`;
}

export const clock = (ms) => new Date(ms).toLocaleTimeString("en-GB");
export const megabytes = (bytes) => (bytes ? `${(bytes / 1e6).toFixed(1)} MB` : "–");
export const percent = (share) => (share === null || share === undefined ? "–" : `${(100 * share).toFixed(1)}%`);

/** Short heads for the scores everybody has; others by their own name. */
export const SHORT = {
  momentum: "mom", mean_reversion: "rev", volatility_breakout: "vola", volume_spike: "volu",
  liquidity_opportunity: "liqu", book_pressure: "book",
};
export const LONG = {
  momentum: "momentum", mean_reversion: "reversion", volatility_breakout: "volatility", volume_spike: "volume",
  liquidity_opportunity: "liquidity", book_pressure: "book pressure",
};
