/** People who sign in over the bridge of a service: some are refused first, some say no, give up, or never come back. */
import type { OutgoingHttpHeaders } from 'node:http';
import { firstValueFrom } from 'rxjs';
import type { RemoteCallbackHost } from '../../src/client.ts';
import type { BeginOptions, Flow } from '../../src/index.ts';
import { nameOf } from '../behaviour/monitor/agreement.ts';
import { Crowd } from './http.ts';

interface Visit {
  url: string;
  method?: string;
  headers?: OutgoingHttpHeaders;
  body?: string;
}

/** A redirect that changes nothing. */
interface Stray {
  disposition: string;
  reason?: string;
  /** True if it is reported together with the flow whose state it has. */
  ofFlow?: true;
  begin?: BeginOptions;
  /** @default 400 */
  status?: number;
  /** @param back URL of the flow's own redirect, without a code. */
  visit(back: string, code: string): Visit;
}

const form = { 'Content-Type': 'application/x-www-form-urlencoded' };
const queryOf = (url: string): string => new URL(url).search.slice(1);

function malformed(reason: string, more: (code: string) => string): Stray {
  return { disposition: 'malformed', reason, visit: (back, code) => ({ url: `${back}${more(code)}` }) };
}

function refused(reason: string, status: number, headers: OutgoingHttpHeaders): Stray {
  return {
    disposition: 'refused',
    reason,
    status,
    visit: (back, code) => ({ url: `${back}&code=${code}`, headers }),
  };
}

/** Each in its turn. */
const strays: readonly Stray[] = [
  malformed('missing_code', () => ''),
  malformed('repeated_parameter', (code) => `&code=${code}&code=${code}`),
  malformed('invalid_encoding', () => '&code=%ff'),
  malformed('invalid_character', () => '&code=%0a'),
  malformed('too_long', () => `&code=${'c'.repeat(9_000)}`),
  malformed('front_channel_token', (code) => `&access_token=${code}`),
  malformed('jarm_not_supported', (code) => `&response=${code}`),
  {
    disposition: 'malformed',
    reason: 'missing_state',
    visit: (back, code) => ({ url: back.replace(/state=.*/, `code=${code}`) }),
  },
  {
    disposition: 'malformed',
    reason: 'not_a_form',
    status: 415,
    visit: (back) => ({ url: back, method: 'POST', headers: { 'Content-Type': 'text/plain' }, body: 'x' }),
  },
  {
    disposition: 'malformed',
    reason: 'split_parameters',
    visit: (back, code) => ({ url: back, method: 'POST', headers: form, body: `code=${code}` }),
  },
  refused('wrong_host', 421, { Host: 'elsewhere.example' }),
  refused('foreign_origin', 403, { Origin: 'https://elsewhere.example' }),
  refused('prefetch', 503, { 'Sec-Purpose': 'prefetch' }),
  refused('not_navigation', 403, { 'Sec-Fetch-Dest': 'image', 'Sec-Fetch-Site': 'cross-site' }),
  refused(
    'too_many_headers',
    431,
    Object.fromEntries(Array.from({ length: 101 }, (_, n) => [`X-Header-${n}`, 'x'])),
  ),
  {
    disposition: 'unmatched',
    visit: (back, code) => ({ url: back.replace(/state=.*/, `state=of-nobody-at-all-${code}&code=${code}`) }),
  },
  {
    disposition: 'wrong_redirect_uri',
    ofFlow: true,
    visit: (back, code) => ({ url: `${back.replace('?', '/elsewhere?')}&code=${code}` }),
  },
  {
    disposition: 'wrong_response_mode',
    ofFlow: true,
    visit: (back, code) => ({
      url: back.replace(/\?.*/, ''),
      method: 'POST',
      headers: form,
      body: `${queryOf(back)}&code=${code}`,
    }),
  },
  {
    disposition: 'wrong_issuer',
    ofFlow: true,
    begin: { issuer: 'https://as.example' },
    visit: (back, code) => ({ url: `${back}&code=${code}&iss=https://elsewhere.example` }),
  },
];

/** Number of sign-ins that contain each kind of refusal. */
export const everyKind = strays.length * 4;

// Long enough for an answer, so that none expires before its `begin` has been heard of.
const shortLife = 3_000;

export class People {
  /** Events that the service must report, as `nameOf` names them. */
  readonly events: string[] = [];
  readonly #code: string;
  readonly #crowd = new Crowd();

  constructor(code = 'a-code') {
    this.#code = code;
  }

  /** Signs in as the `n`th user; resolves with the result once the flow has ended. */
  async signIn(host: RemoteCallbackHost, n: number): Promise<Flow> {
    const stray = n % 4 === 0 ? strays[(n / 4) % strays.length] : undefined;
    const expires = n % 50 === 27;
    const flow = await this.#begin(host, { ...stray?.begin, ...(expires && { ttl: shortLife }) });
    const back = `${flow.redirectUri}?state=${flow.state}`;
    if (stray) await this.#stray(stray, flow, back);
    if (n % 50 === 1 || expires) await this.#end(flow, expires ? 'expired' : 'cancelled');
    else await this.#comeBack(flow, back, n);
    // Too late by now, or a second time.
    if (expires || n % 15 === 3) {
      await this.#visit({ url: `${back}&code=${this.#code}` }, 400);
      this.#had({ type: 'redirect', disposition: 'duplicate' });
    }
    return flow;
  }

  /** Begins a sign-in whose user has not returned yet. */
  wait(host: RemoteCallbackHost): Promise<Flow> {
    return this.#begin(host, {});
  }

  async #begin(host: RemoteCallbackHost, options: BeginOptions): Promise<Flow> {
    const flow = await host.begin(options);
    this.#had({ type: 'begun', flowId: flow.id });
    return flow;
  }

  async #stray(stray: Stray, { id }: Flow, back: string): Promise<void> {
    const { disposition, reason, ofFlow, status = 400, visit } = stray;
    await this.#visit(visit(back, this.#code), status);
    this.#had({ type: 'redirect', disposition, reason, flowId: ofFlow && id });
  }

  async #end(flow: Flow, how: 'expired' | 'cancelled'): Promise<void> {
    const ended = firstValueFrom(flow.response).then(
      () => {
        throw new Error('a response that nobody has sent');
      },
      () => undefined,
    );
    if (how === 'cancelled') flow.cancel();
    await ended;
    this.#had({ type: how, reason: how === 'cancelled' ? how : undefined, flowId: flow.id });
  }

  async #comeBack(flow: Flow, back: string, n: number): Promise<void> {
    const { id } = flow;
    const error = n % 20 === 2 ? (n % 40 === 2 ? 'access_denied' : 'login_required') : undefined;
    const visit = { url: error === undefined ? `${back}&code=${this.#code}` : `${back}&error=${error}` };
    await this.#visit(visit, error === undefined ? 200 : 400);
    this.#had({ type: 'redirect', disposition: 'accepted', flowId: id });
    const response = await firstValueFrom(flow.response);
    if (response.error !== error || (error === undefined && response.code !== this.#code))
      throw new Error('a response that is of another sign-in');
    this.#had({ type: 'answered', outcome: error === undefined ? 'code' : 'error', error, flowId: id });
    if (n % 8 !== 5) return;
    const status = n % 16 === 5 ? 'success' : 'failure';
    flow.settle(status === 'success' ? { status } : { status, message: 'the code is not taken' });
    this.#had({ type: 'settled', outcome: status, flowId: id });
  }

  #had(event: Parameters<typeof nameOf>[0]): void {
    this.events.push(nameOf(event));
  }

  /** Rejects if the redirect is not answered as it must be. */
  async #visit({ url, ...options }: Visit, expected: number): Promise<void> {
    const status = await this.#crowd.status(url, options);
    if (status !== expected) throw new Error(`a redirect is answered ${status}, not ${expected}`);
  }
}
