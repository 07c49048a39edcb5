// Seconds that pass until something may be tried again.

export class Countdown {
  /** Whole seconds left. */
  left = $state(0);
  #timer: ReturnType<typeof setInterval> | undefined;

  /** Begins anew. Stops by itself, or by `stop` when its component goes. */
  start(seconds: number): void {
    this.stop();
    const end = Date.now() + seconds * 1000;
    const tell = () => {
      this.left = Math.max(0, Math.ceil((end - Date.now()) / 1000));
      if (this.left === 0) this.stop();
    };
    tell();
    if (this.left > 0) this.#timer = setInterval(tell, 500);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
