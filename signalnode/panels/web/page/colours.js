// Colours: of the theme, by the style sheet, and of scores by their strength.

// Blue and orange are told apart under all three colour blindnesses, and lightness says how strong: tests hold both.
const HUES = {
  dark: { ground: [17, 22, 28], long: [47, 143, 232], short: [230, 138, 0], plain: [214, 178, 255] },
  light: { ground: [255, 255, 255], long: [0, 92, 190], short: [176, 82, 0], plain: [98, 45, 160] },
};
const LEVELS = 100;
const WORDS = ["ground", "text", "quiet", "warn", "mark", "rule", "alarm"];

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

const looks = new Map(); // by theme: to ask the style sheet makes the browser lay out what was just written

/** The colours of the theme that is on: those of the style sheet by name, and the scheme's. */
export function look() {
  const { theme } = document.documentElement.dataset;
  let found = looks.get(theme);
  if (found === undefined) {
    const style = getComputedStyle(document.documentElement);
    found = { ...(SCHEMES[theme] ?? SCHEMES.dark), theme };
    for (const word of WORDS) found[word] = style.getPropertyValue(`--${word}`).trim();
    looks.set(theme, found);
  }
  return found;
}
