// The present moment, for what is told relative to it: moves on twice a minute while somebody looks.
import { createSubscriber } from 'svelte/reactivity';

const EVERY_MS = 30_000;

class Clock {
  readonly #watch = createSubscriber((update) => {
    const timer = setInterval(update, EVERY_MS);
    return () => clearInterval(timer);
  });

  get now(): number {
    this.#watch();
    return Date.now();
  }
}

export const clock = new Clock();
