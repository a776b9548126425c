import { wallOf, type Clock } from '../base/clock.ts';
import { Deadlines } from '../base/deadlines.ts';
import { closeCodes } from '../wire/protocol.ts';
import type { Identity } from './credentials.ts';
import type { Session } from './session.ts';

/** All open sessions: closes those that are dead or whose credential is no longer valid. */
export class Sessions {
  readonly #all = new Set<Session>();
  readonly #clock: Clock;
  readonly #isValid: (session: Session) => boolean;
  readonly #expiries: Deadlines<Session>;

  /** @param isValid Tells if a session's credential is valid now. */
  constructor(clock: Clock, isValid: (session: Session) => boolean) {
    this.#clock = clock;
    this.#isValid = isValid;
    this.#expiries = new Deadlines(clock, (session) => {
      if (!isValid(session)) session.close(closeCodes.credential, 'the credential has expired');
      // The wall clock was set back.
      else this.#await(session);
    });
  }

  get size(): number {
    return this.#all.size;
  }

  [Symbol.iterator](): IterableIterator<Session> {
    return this.#all.values();
  }

  /** Counts the sessions, those that listen for a flow, and the bytes queued for all of them. */
  count(counts: (identity: Identity) => boolean): { size: number; listening: number; queued: number } {
    let size = 0;
    let listening = 0;
    let queued = 0;
    for (const session of this.#all) {
      if (!counts(session.identity)) continue;
      size++;
      if (session.listening) listening++;
      queued += session.queued;
    }
    return { size, listening, queued };
  }

  /** Tells if a connection of this identity is open. */
  has(identity: Identity): boolean {
    for (const session of this.#all) if (session.identity === identity) return true;
    return false;
  }

  add(session: Session): void {
    this.#all.add(session);
    this.#await(session);
  }

  /** Waits until the credential expires by the wall clock as it is now. */
  #await(session: Session): void {
    const { expiresAt = Infinity } = session.identity;
    if (expiresAt === Infinity) return;
    const left = Math.max(0, expiresAt - wallOf(this.#clock));
    session.expiresAt = this.#clock.now() + left;
    this.#expiries.add(session);
  }

  remove(session: Session): void {
    this.#all.delete(session);
    this.#expiries.remove(session);
  }

  /** Sends the heartbeat's pings, and terminates sessions that have not answered the last one. */
  beat(): void {
    // The wall clock may have been set forward.
    this.closeInvalid('the credential has expired');
    for (const session of this.#all) if (!session.beat()) session.terminate();
  }

  /** Closes sessions whose credential was revoked or has expired. */
  closeInvalid(reason = 'the credential was revoked'): void {
    for (const session of this.#all)
      if (!this.#isValid(session)) session.close(closeCodes.credential, reason);
  }

  /** Closes sessions of some identities. */
  close(those: (identity: Identity) => boolean, code: number, reason: string): void {
    for (const session of this.#all) if (those(session.identity)) session.close(code, reason);
  }

  /** Resolves once all of them are closed. */
  async end(code: number, reason: string): Promise<void> {
    await Promise.all([...this.#all].map((session) => session.end(code, reason)));
  }
}
