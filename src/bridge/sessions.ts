import type { Clock } from '../clock.ts';
import { Deadlines } from '../deadlines.ts';
import { closeCodes } from './protocol.ts';
import type { Session } from './session.ts';

/** Those who are connected: their signs of life, the ends of their credentials, and what is queued for them. */
export class Sessions {
  readonly #all = new Set<Session>();
  readonly #clock: Clock;
  readonly #expiries: Deadlines<Session>;
  #queued = { bytes: 0, at: -Infinity };

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#expiries = new Deadlines(clock, (session) =>
      session.close(closeCodes.credential, 'the credential has expired'),
    );
  }

  get size(): number {
    return this.#all.size;
  }

  /** How many there are, how many of them listen for a flow, and bytes queued in all. */
  count(): { size: number; listening: number; queued: number } {
    let listening = 0;
    let queued = 0;
    for (const session of this.#all) {
      if (session.listening) listening++;
      queued += session.queued;
    }
    return { size: this.size, listening, queued };
  }

  add(session: Session): void {
    this.#all.add(session);
    if (session.deadline !== Infinity) this.#expiries.add(session);
  }

  remove(session: Session): void {
    this.#all.delete(session);
    this.#expiries.remove(session);
  }

  /** Bytes. Counted ten times a second at the most: it is asked for each message to a slow reader. */
  get queued(): number {
    const now = this.#clock.now();
    if (now - this.#queued.at > 100) {
      let bytes = 0;
      for (const session of this.#all) bytes += session.queued;
      this.#queued = { bytes, at: now };
    }
    return this.#queued.bytes;
  }

  beat(): void {
    for (const session of this.#all) if (!session.beat()) session.terminate();
  }

  /** Closes those whose credential was taken back. */
  closeFallen(stands: (session: Session) => boolean): void {
    for (const session of this.#all) {
      if (!stands(session)) session.close(closeCodes.credential, 'the credential was taken back');
    }
  }

  /** Resolves once all of them are closed. */
  async end(code: number, reason: string): Promise<void> {
    await Promise.all([...this.#all].map((session) => session.end(code, reason)));
  }
}
