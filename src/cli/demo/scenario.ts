import { concat, forkJoin, merge, mergeMap, type Observable } from 'rxjs';
import type { CallbackHost } from '../../index.ts';
import type { AuthorizationServer } from './authorization-server.ts';
import type { Ending, Step } from './events.ts';
import { forgedRedirects } from './forged-redirects.ts';
import { discover, type OAuthClient } from './oauth-client.ts';
import { Person, type Intention } from './person.ts';
import { outcome, type SignIn } from './sign-in.ts';

/** Planned sign-in, with its expected ending. */
interface Case {
  client: keyof AuthorizationServer['clients'];
  user: string;
  intention: Intention;
  expected: Ending;
  /** Milliseconds until the flow expires, for a sign-in that its person leaves. */
  ttl?: number;
  /** Set if the program is remote and waits over the bridge. */
  remote?: boolean;
}

const cases: readonly Case[] = [
  { client: 'notes', user: 'ada', intention: 'allow', expected: 'signed_in' },
  { client: 'notes', user: 'barbara', intention: 'allow', expected: 'signed_in' },
  { client: 'photos', user: 'claude', intention: 'allow', expected: 'signed_in' },
  { client: 'photos', user: 'donald', intention: 'allow', expected: 'signed_in' },
  { client: 'notes', user: 'edsger', intention: 'deny', expected: 'access_denied' },
  { client: 'photos', user: 'frances', intention: 'leave', expected: 'expired', ttl: 1_500 },
  { client: 'notes', user: 'grace', intention: 'allow', expected: 'signed_in', remote: true },
];

/**
 * Runs all sign-ins at once on one callback server: through `host`, or through the connection `remote`. Completes when all have
 * ended, successfully or not.
 */
export function scenario(
  host: CallbackHost,
  remote: CallbackHost,
  authorizationServer: AuthorizationServer,
): Observable<Step> {
  const { issuer, clients } = authorizationServer;
  return forkJoin({
    notes: discover(issuer, clients.notes),
    photos: discover(issuer, clients.photos),
  }).pipe(
    mergeMap((found) =>
      forkJoin(cases.map((each) => begin(each.remote ? remote : host, found[each.client], each))),
    ),
    mergeMap((begun) =>
      merge(...begun.map(({ signIn }) => outcome(signIn)), peopleAndAttacker(begun, host.redirectUri)),
    ),
  );
}

interface Begun {
  signIn: SignIn;
  person: Person;
  url: URL;
}

async function begin(
  host: CallbackHost,
  client: OAuthClient,
  { user, intention, expected, ttl }: Case,
): Promise<Begun> {
  const since = Date.now();
  const flow = await host.begin(ttl === undefined ? {} : { ttl });
  return {
    signIn: { client, flow, user, expected, since },
    person: new Person({ user, intention, client: client.name, flow: flow.id }),
    url: flow.authorizationUrl(client.authorizationEndpoint, { client_id: client.id, scope: 'openid' }),
  };
}

/** Sends the forged redirects while every sign-in is pending: all persons see a login form, and none has submitted it. */
function peopleAndAttacker(begun: readonly Begun[], redirectUri: string): Observable<Step> {
  return concat(
    merge(...begun.map(({ person, url }) => person.opens(url))),
    forgedRedirects(redirectUri),
    merge(...begun.map(({ person }) => person.answers())),
  );
}
