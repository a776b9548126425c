import type { CallbackHost } from '../model/callback-host.ts';
import { Asking, type Asked } from './asking.ts';
import type { Credentials } from './credentials.ts';
import type { ReadOptions } from './options.ts';
import { unlessAborted } from './signals.ts';
import type { Turns } from './turns.ts';

/** Asks people to sign in. */
export class SignIns {
  readonly #options: ReadOptions;
  readonly #turns: Turns;
  readonly #host: () => Promise<CallbackHost>;

  constructor(options: ReadOptions, turns: Turns, host: () => Promise<CallbackHost>) {
    this.#options = options;
    this.#turns = turns;
    this.#host = host;
  }

  /** Resolves with the tokens of a person. Rejects with the error of the sign-in, or the reason of the signal. */
  async ask(asked: Asked, signal: AbortSignal): Promise<Credentials> {
    const { report, found } = asked;
    const end = await this.#turns.take(found.metadata.issuer, (position) => report.queued(position), signal);
    try {
      const host = await unlessAborted(this.#host(), signal);
      const first = new Asking(this.#options, asked);
      const received = await first.run(host, signal).catch((error: unknown) => {
        const next = first.again(error);
        if (!next) throw error;
        return next.run(host, signal);
      });
      return { ...received, asked: asked.scope, publisher: found.publisher };
    } finally {
      end();
    }
  }
}
