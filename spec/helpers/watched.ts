/** A sign-in that is watched: its events as they come, and how it ends. */
import { inspect } from 'node:util';
import type { Observable, Subscription } from 'rxjs';
import { Browser, type Page } from '../../src/testing/browser.ts';
import type { SignInError, SignInEvent, Tokens } from '../../src/login.ts';
import * as assert from './assert.ts';

type Of<T extends SignInEvent['type']> = Extract<SignInEvent, { type: T }>;

export class Watched implements Disposable {
  readonly events: SignInEvent[] = [];
  readonly errors: unknown[] = [];
  completed = false;
  readonly #look = new Set<() => void>();
  readonly #subscription: Subscription;

  constructor(events: Observable<SignInEvent>, told: (event: SignInEvent) => void = () => undefined) {
    this.#subscription = events.subscribe({
      next: (event) => {
        this.events.push(event);
        told(event);
        this.#changed();
      },
      error: (error: unknown) => {
        this.errors.push(error);
        this.#changed();
      },
      complete: () => {
        this.completed = true;
        this.#changed();
      },
    });
  }

  get types(): string[] {
    return this.events.map(({ type }) => type);
  }

  /** The event of this type, which may have come. */
  async next<T extends SignInEvent['type']>(type: T): Promise<Of<T>> {
    const found = (): Of<T> | undefined => this.events.find((event): event is Of<T> => event.type === type);
    await this.#until(() => found() !== undefined || this.completed || this.errors.length > 0);
    const event = found();
    if (event) return event;
    throw new Error(`no ${type} but ${JSON.stringify(this.events)} ${inspect(this.errors)}`);
  }

  /** The first event. */
  async first(): Promise<SignInEvent> {
    await this.#until(() => this.events.length > 0 || this.errors.length > 0);
    const [event] = this.events;
    if (event) return event;
    throw new Error(`no event but ${inspect(this.errors)}`);
  }

  /** Opens the URL as the person, who needs no more than that. */
  async visit(): Promise<Page> {
    return new Browser().open((await this.next('authorize')).url);
  }

  async tokens(): Promise<Tokens> {
    return (await this.next('exchanged')).tokens;
  }

  async failure(): Promise<SignInError> {
    const { error } = await this.next('failed');
    await this.#until(() => this.completed);
    return error;
  }

  async ended(): Promise<void> {
    await this.#until(() => this.completed || this.errors.length > 0);
  }

  unsubscribe(): void {
    this.#subscription.unsubscribe();
  }

  [Symbol.dispose](): void {
    this.unsubscribe();
  }

  #changed(): void {
    for (const look of this.#look) look();
  }

  async #until(met: () => boolean): Promise<void> {
    const change = new Promise<void>((resolve) => {
      const look = (): void => {
        if (!met()) return;
        this.#look.delete(look);
        resolve();
      };
      this.#look.add(look);
      look();
    });
    await assert.deadline(change, 'the sign-in');
  }
}
