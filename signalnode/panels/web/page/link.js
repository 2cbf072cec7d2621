// The WebSocket, opened again as long as the page is there; and how old the data is, by the browser's own clock.

const WAIT_FIRST_MS = 250, WAIT_MAX_MS = 5000;
const DEAD_S = 20; // nothing came for so long: of a line that was lost while this machine slept, no word ever comes

export class Link {
  constructor(onMessage, onOpen) {
    this.onMessage = onMessage;
    this.onOpen = onOpen;
    this.isOpen = false;
    this.dataAt = null; // performance.now() of the newest data; null before the first
    this.heardAt = this.lostAt = performance.now();
    this.wait = WAIT_FIRST_MS;
    this.isTold = false;
    this.connect();
  }

  connect() {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    this.socket = new WebSocket(`${scheme}://${location.host}/ws`);
    this.socket.binaryType = "arraybuffer";
    this.socket.onopen = () => {
      this.isOpen = true;
      this.wait = WAIT_FIRST_MS;
      this.heardAt = performance.now();
      this.isTold = false;
      this.frames = -1;
      this.seen();
      this.onOpen();
    };
    this.socket.onmessage = (event) => {
      this.heardAt = performance.now();
      this.onMessage(event.data);
    };
    this.socket.onclose = () => this.lost();
  }

  lost() {
    if (this.isOpen) this.lostAt = performance.now();
    this.isOpen = false;
    setTimeout(() => this.connect(), this.wait * (0.5 + Math.random() / 2));
    this.wait = Math.min(2 * this.wait, WAIT_MAX_MS);
  }

  /** To be called now and then: a line on which nothing comes is left for a new one. */
  watch() {
    if (!this.isOpen || this.silentS() < DEAD_S) return;
    const { socket } = this;
    socket.onclose = socket.onmessage = null;
    socket.close();
    this.lost();
  }

  send(request) {
    if (this.isOpen) this.socket.send(JSON.stringify(request));
  }

  /** One more board frame has come: on a slow line the node sends the next when this one is here, not behind others. */
  seen() {
    this.frames += 1;
    this.send({ seen: this.frames });
  }

  /**
   * The newest data is so old, in seconds; null: there is none. `isTold`: the node says so, it is not the line. Then what is
   * seen gets no younger: a word that was long under way tells of less than has passed.
   */
  aged(seconds, isTold) {
    this.isTold = isTold;
    const at = seconds === null ? null : performance.now() - 1000 * seconds;
    this.dataAt = isTold && at !== null && this.dataAt !== null ? Math.min(at, this.dataAt) : at;
  }

  ageS() {
    return this.dataAt === null ? null : (performance.now() - this.dataAt) / 1000;
  }

  /** The node speaks at least once a second; where nothing comes for longer, it is the line. */
  silentS() {
    return (performance.now() - this.heardAt) / 1000;
  }

  lostS() {
    return this.isOpen ? 0 : (performance.now() - this.lostAt) / 1000;
  }
}
