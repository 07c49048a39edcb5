// A value that follows another once that stays as it is for a moment: what is typed, before the API is asked.

/** How long nothing more must be typed. */
const PAUSE_MS = 200;

/** To be called as a component is made. Becoming empty counts at once. */
export function debounced(read: () => string): { readonly value: string } {
  let value = $state(read());
  $effect(() => {
    const next = read();
    const timer = setTimeout(() => (value = next), next === '' ? 0 : PAUSE_MS);
    return () => clearTimeout(timer);
  });
  return {
    get value() {
      return value;
    },
  };
}
