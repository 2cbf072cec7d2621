// Numbers as people read them, and colours by strength.

/** Seven significant digits, as the terminal shows them: 61,805.23, 0.00001234; – before the first. */
export function price(mid) {
  if (!(mid > 0)) return "–";
  let decimals = 6, scaled = mid;
  while (scaled >= 10 && decimals > 2) { decimals--; scaled /= 10; }
  while (scaled < 1 && decimals < 10) { decimals++; scaled *= 10; }
  return mid.toLocaleString("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
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

// Blue and orange are told apart under all three colour blindnesses, and lightness says how strong.
const HUES = {
  dark: { ground: [17, 22, 28], long: [47, 143, 232], short: [230, 138, 0], plain: [214, 178, 255] },
  light: { ground: [255, 255, 255], long: [0, 92, 190], short: [176, 82, 0], plain: [98, 45, 160] },
};
const LEVELS = 100;

function luminance([r, g, b]) {
  const linear = (c) => ((c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  return 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
}

/** Fill and ink for each strength from 0 to 1: black or white, whichever stands out more, at least 4.5 to 1. */
function ramp(ground, hue) {
  return Array.from({ length: LEVELS + 1 }, (_, level) => {
    const part = 0.06 + 0.94 * (level / LEVELS);
    const mixed = ground.map((c, i) => Math.round(c + (hue[i] - c) * part));
    const light = luminance(mixed);
    return { fill: `rgb(${mixed})`, ink: 1.05 / (light + 0.05) >= (light + 0.05) / 0.05 ? "#fff" : "#000" };
  });
}

function scheme(hues) {
  const ramps = {};
  for (const side of ["long", "short", "plain"]) ramps[side] = ramp(hues.ground, hues[side]);
  return { ...ramps, line: Object.fromEntries(["long", "short", "plain"].map((s) => [s, `rgb(${hues[s]})`])) };
}

export const SCHEMES = { dark: scheme(HUES.dark), light: scheme(HUES.light) };
export const level = (strength) => Math.round(LEVELS * Math.max(0, Math.min(1, strength)));
