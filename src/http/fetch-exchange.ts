import type { Outlet } from './exchange.ts';

/** Statuses that a `Response` takes no body for. */
const withoutBody: ReadonlySet<number> = new Set([204, 304]);

/** Answer of a `fetch` handler, written as a response of `node:http` is. */
export class FetchOutlet implements Outlet {
  statusCode = 200;
  /** Resolves with the response once its head is known. */
  readonly response: Promise<Response>;
  readonly #headers = new Headers();
  readonly #chunks: Uint8Array[] = [];
  readonly #onClose: (() => void)[] = [];
  #resolve: (response: Response) => void = () => undefined;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #sent = false;
  #ended = false;
  #destroyed = false;

  /** @param signal Aborts if the client leaves before the response. */
  constructor(signal: AbortSignal) {
    this.response = new Promise((resolve) => (this.#resolve = resolve));
    if (signal.aborted) this.destroy();
    else signal.addEventListener('abort', () => this.destroy(), { once: true });
  }

  get headersSent(): boolean {
    return this.#sent;
  }

  get destroyed(): boolean {
    return this.#destroyed;
  }

  setHeader(name: string, value: string): void {
    this.#headers.set(name, value);
  }

  appendHeader(name: string, value: string): void {
    this.#headers.append(name, value);
  }

  write(body: Buffer): void {
    if (this.#destroyed || this.#ended) return;
    this.#chunks.push(new Uint8Array(body));
    if (!this.#sent) this.#send(this.#stream());
    this.#pump();
  }

  end(body: Buffer): void {
    if (this.#destroyed || this.#ended) return;
    this.#ended = true;
    if (this.#sent) {
      this.#chunks.push(new Uint8Array(body));
      this.#pump();
    } else {
      this.#send(withoutBody.has(this.statusCode) ? null : new Uint8Array(body));
      this.#close();
    }
  }

  destroy(): void {
    if (this.#destroyed || (this.#ended && this.#chunks.length === 0)) return;
    this.#destroyed = true;
    // The client has left. A rejection would be an error in the log of the runtime.
    this.#resolve(new Response(null, { status: 400 }));
    this.#close();
  }

  once(_event: 'close', run: () => void): void {
    this.#onClose.push(run);
  }

  #send(body: BodyInit | null): void {
    this.#sent = true;
    this.#resolve(new Response(body, { status: this.statusCode, headers: this.#headers }));
  }

  /** A part is handed over only once the client has taken the one before it. */
  #stream(): ReadableStream<Uint8Array> {
    return new ReadableStream(
      {
        pull: (controller) => {
          this.#controller = controller;
          this.#pump();
        },
        cancel: () => this.destroy(),
      },
      { highWaterMark: 0 },
    );
  }

  #pump(): void {
    const controller = this.#controller;
    if (!controller) return;
    const chunk = this.#chunks.shift();
    if (chunk) {
      this.#controller = undefined;
      controller.enqueue(chunk);
    }
    if (!this.#ended || this.#chunks.length > 0) return;
    controller.close();
    this.#close();
  }

  #close(): void {
    for (const run of this.#onClose.splice(0)) run();
  }
}

/** Reads the body of a request as text, one character a byte. Resolves to undefined if it is longer than `maxBytes` bytes. */
export async function readFetchBody({ body }: Request, maxBytes: number): Promise<string | undefined> {
  if (!body) return '';
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader = body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return Buffer.concat(chunks).toString('latin1');
    size += value.length;
    if (size > maxBytes) {
      // Not awaited: some runtimes resolve this only once the client has sent everything.
      reader.cancel().catch(() => undefined);
      return undefined;
    }
    chunks.push(value);
  }
}
