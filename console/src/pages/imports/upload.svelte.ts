// A file on its way to an import: begins the import, puts the file to the address in the answer, can be called off and
// tried again. Nothing is ever sent twice as two imports.
import { api, ApiError, ok, Unreachable, type Schemas } from '../../api';

type Import = Schemas['Import'];
type Address = NonNullable<Import['upload']>;

/** The imports whose file was sent from this page: it may take a moment until the import says so. */
const sent = new Set<string>();

export const wasSent = (id: string): boolean => sent.has(id);

export class Upload {
  state = $state<'idle' | 'sending' | 'failed'>('idle');
  file = $state.raw<File>();
  /** The part that is sent, from 0 to 1. */
  part = $state(0);
  failure = $state.raw<unknown>();
  #import: Import | undefined;
  #leave: AbortController | undefined;

  /** Sends into `awaited`, an import that waits for its file, or begins a new one. */
  constructor(awaited?: Import) {
    this.#import = awaited;
  }

  /** Sends a file; answers the import once it is there, and nothing if it was called off or failed. */
  async send(file: File): Promise<Import | undefined> {
    const leave = new AbortController();
    this.#leave = leave;
    this.file = file;
    this.part = 0;
    this.failure = undefined;
    this.state = 'sending';
    try {
      const begun = (this.#import ??= await ok(
        api.POST('/v1/imports', { body: { file_name: file.name }, signal: leave.signal }),
      ));
      if (!(await this.#put(begun, file, leave.signal))) {
        // The address has ended; the import gives a new one for as long as it waits.
        this.#import = await ok(api.GET('/v1/imports/{id}', { params: { path: { id: begun.id } }, signal: leave.signal }));
        if (!(await this.#put(this.#import, file, leave.signal))) throw new Error('the storage refuses the file');
      }
      sent.add(begun.id);
      return begun;
    } catch (error) {
      if (leave.signal.aborted) return undefined;
      this.failure = error;
      this.state = 'failed';
      return undefined;
    }
  }

  /** The same file once more. */
  again(): Promise<Import | undefined> {
    return this.file ? this.send(this.file) : Promise.resolve(undefined);
  }

  /** Stops sending; the import was begun in vain. */
  cancel(): void {
    this.leave();
    this.state = 'idle';
    const begun = this.#import;
    this.#import = undefined;
    // Tidies the history up; if it does not work out, the import stays there, waiting for its file.
    if (begun) void api.POST('/v1/imports/{id}/cancel', { params: { path: { id: begun.id } } }).catch(() => undefined);
  }

  /** Stops sending; the import goes on waiting for its file. */
  leave(): void {
    this.#leave?.abort();
  }

  /** Whether the file was taken; not so if the address has ended. */
  async #put({ upload, state }: Import, file: File, signal: AbortSignal): Promise<boolean> {
    // Another attempt has arrived after all.
    if (state !== 'uploading') return true;
    if (!upload) throw new ApiError({ status: 403, code: 'forbidden', title: '', detail: '' });
    const status = await put(upload, file, signal, (part) => (this.part = part));
    if (status >= 500) throw new Unreachable(false);
    return status < 300;
  }
}

/** Puts a file, and tells how far it is: `fetch` cannot. Answers the status. */
function put(address: Address, file: File, signal: AbortSignal, progress: (part: number) => void): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(address.method, address.url);
    for (const { name, value } of address.headers) request.setRequestHeader(name, value);
    request.upload.onprogress = ({ loaded, total }) => progress(total > 0 ? loaded / total : 1);
    request.onload = () => resolve(request.status);
    request.onerror = () => reject(new Unreachable(false));
    request.onabort = () => reject(new DOMException('called off', 'AbortError'));
    signal.addEventListener('abort', () => request.abort());
    if (signal.aborted) request.abort();
    else request.send(file);
  });
}
