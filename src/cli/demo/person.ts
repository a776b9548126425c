import { password } from './authorization-server.ts';
import { Browser, type Page } from '../../testing/browser.ts';
import type { Step } from './events.ts';
import { headlineOf } from '../../testing/html.ts';

/** Action of a person: to allow or deny the request, or to leave without an answer. */
export type Intention = 'allow' | 'deny' | 'leave';

export interface Role {
  readonly user: string;
  readonly intention: Intention;
  /** Client that has opened the browser, and the id of its flow. */
  readonly client: string;
  readonly flow: string;
}

/** Person with their own browser. */
export class Person {
  readonly #role: Role;
  readonly #browser = new Browser();
  #page: Page | undefined;

  constructor(role: Role) {
    this.#role = role;
  }

  /** Opens the authorization URL and looks at the login form. */
  async *opens(url: URL): AsyncGenerator<Step> {
    const { flow, client, user } = this.#role;
    this.#page = await this.#browser.open(url);
    yield { type: 'opened', at: Date.now(), flowId: flow, client, user };
  }

  /** Signs in, answers the consent form and reads the last page; or leaves. */
  async *answers(): AsyncGenerator<Step> {
    const { flow, user, intention } = this.#role;
    if (!this.#page) throw new Error(`${user} has no page to answer`);
    if (intention === 'leave') {
      yield { type: 'left', at: Date.now(), flowId: flow, user };
      return;
    }
    const consent = await this.#browser.submit(this.#page, 'Sign in', { login: user, password });
    const { status, html } = await this.#browser.submit(consent, intention === 'allow' ? 'Allow' : 'Deny');
    yield { type: 'page', at: Date.now(), flowId: flow, user, status, headline: headlineOf(html) };
  }
}
