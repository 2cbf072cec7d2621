"""How long a page that gets no more data takes to say so."""

SAID_MS_MAX = 2_000  # from the newest frame on: 1.5 s until it is old, and a look at it each quarter
# When the newest frame was drawn and when the alarm was first seen after it, by the page's own clock; and how
# late its timers were meanwhile, which is the machine's doing.
TIMED = """
() => {
  const timed = window.timed = { frameAt: performance.now(), saidAt: null, lateMs: 0 };
  let state = window.signalnode, beatAt = performance.now();
  Object.defineProperty(window, "signalnode", {
    get: () => state,
    set: (value) => {
      state = value;
      Object.assign(timed, { frameAt: performance.now(), saidAt: null, lateMs: 0 });
    },
  });
  setInterval(() => {
    const now = performance.now();
    if (timed.saidAt === null) timed.lateMs += Math.max(0, now - beatAt - 100);
    beatAt = now;
  }, 50);
  const alarm = document.querySelector("#alarm");
  new MutationObserver(() => {
    if (!alarm.hidden && timed.saidAt === null) timed.saidAt = performance.now();
  }).observe(alarm, { attributeFilter: ["hidden"] });
}
"""
