// An export on its way: started, followed until its file is there, and kept for a link that is still good.
import { createMutation, createQuery } from '@tanstack/svelte-query';
import { api, ok, queryClient, type Schemas } from '../api';

/** How often it is asked how far it is, and for a link that is still good. */
const [ASKED_MS, RENEWED_MS] = [1_000, 240_000];

/** Must be made while a component begins. */
export class Exporting {
  #id = $state<string>();

  readonly #starting = createMutation(() => ({
    mutationFn: (form: Schemas['StartExport']) => ok(api.POST('/v1/exports', { body: form })),
    onSuccess: (begun: Schemas['Export']) => {
      this.#id = begun.id;
      void queryClient.invalidateQueries({ queryKey: ['exports'], exact: true });
    },
  }));
  readonly #progress = createQuery(() => ({
    queryKey: ['exports', this.#id],
    queryFn: () => ok(api.GET('/v1/exports/{id}', { params: { path: { id: this.#id ?? '' } } })),
    enabled: this.#id !== undefined,
    refetchInterval: ({ state: { data } }: { state: { data?: Schemas['Export'] | undefined } }) =>
      data?.state === 'failed' ? false : data?.state === 'done' ? RENEWED_MS : ASKED_MS,
  }));

  get stage(): 'asked' | 'lost' | Schemas['ExportState'] {
    if (this.#id === undefined) return 'asked';
    return this.#progress.isError ? 'lost' : (this.#progress.data?.state ?? 'queued');
  }

  get starting(): boolean {
    return this.#starting.isPending;
  }

  /** What was wrong with starting it, or with asking how far it is. */
  get error(): unknown {
    return this.#starting.error ?? this.#progress.error ?? undefined;
  }

  /** The rows that were written, and where the file is to be had for some minutes. */
  get file(): { rows: number; url: string } {
    return { rows: this.#progress.data?.rows ?? 0, url: this.#progress.data?.url ?? '' };
  }

  start(form: Schemas['StartExport']): void {
    if (this.#id === undefined && !this.starting) this.#starting.mutate(form);
  }

  readonly retry = (): void => void this.#progress.refetch();

  /** For another one. */
  readonly again = (): void => {
    this.#id = undefined;
    this.#starting.reset();
  };
}
