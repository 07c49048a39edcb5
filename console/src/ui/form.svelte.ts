// A form that is sent to the API: once at a time; what is wrong with it is told beside its fields.
import { Faults } from './faults.svelte';

export class Form extends Faults {
  /** While it is sent. */
  busy = $state(false);
  /** The form itself, whose first faulty field is gone to. */
  element = $state<HTMLFormElement>();

  /** Sends it. `work` may find faults itself, and then goes no further. */
  async send(work: () => Promise<unknown>): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    this.clear();
    try {
      await work();
    } catch (error) {
      this.set(error);
    } finally {
      this.busy = false;
    }
    if (this.any) await this.focus(this.element);
  }
}
