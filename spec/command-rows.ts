/** What the commands and the operator's side must do, each as a check of one module: of the real one, and of weakened twins. */
import {
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { firstValueFrom } from 'rxjs';
import { Browser } from '../examples/demo/browser.ts';
import type { ServerEvent } from '../src/index.ts';
import { createOAuthCallbackServer } from '../src/index.ts';
import { Tokens } from '../src/login.ts';
import * as assert from './helpers/assert.ts';
import { token, withBridge, type Bridged } from './helpers/bridge.ts';
import { visit } from './helpers/client.ts';
import { hasty } from './helpers/clock.ts';
import { observe, withServer } from './helpers/endpoint.ts';
import { comingBack, json, startIssuer, type Issuer, type IssuerOptions } from './helpers/issuer.ts';
import { clientId, startProvider } from './helpers/provider.ts';
import { TcpProxy } from './helpers/tcp-proxy.ts';
import { passOf, withMonitor } from './monitor/monitored.ts';
import { idTokenPayload, tokenFields } from './helpers/tokens.ts';
import { Watched } from './helpers/watched.ts';

/** A check of a module of `src`, given what that exports. */
export interface CommandRow<M = never> {
  readonly title: string;
  /** As `cli/browser.ts`. */
  readonly module: string;
  readonly check: (exported: M) => void | Promise<void>;
}

/** A folder that goes again. */
async function within(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'command-'));
  try {
    await body(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const savesForOwner: CommandRow<typeof import('../src/cli/login/save.ts')> = {
  title: 'saved tokens are their owner’s only, whatever the file was before',
  module: 'cli/login/save.ts',
  check: ({ save }) =>
    within(async (folder) => {
      const file = join(folder, 'tokens.json');
      writeFileSync(file, 'what was there before', { mode: 0o644 });
      await using readMeanwhile = await open(file);
      await save(file, 'tokens');
      assert.is(readFileSync(file, 'utf8'), 'tokens');
      assert.is((statSync(file).mode & 0o777).toString(8), '600', 'the mode of the file');
      assert.is(await readMeanwhile.readFile('utf8'), 'what was there before', 'to who reads it meanwhile');
      // Somebody's link must not choose where the tokens go.
      const link = join(folder, 'link.json');
      symlinkSync(file, link);
      await save(link, 'other tokens');
      assert.is(readFileSync(file, 'utf8'), 'tokens', 'where a link led to');
      assert.is(readFileSync(link, 'utf8'), 'other tokens');
      assert.not.ok(lstatSync(link).isSymbolicLink());
      assert.equal(readdirSync(folder).sort(), ['link.json', 'tokens.json'], 'no draft is left');
    }),
};

const printsNoToken: CommandRow<typeof import('../src/login/tokens.ts')> = {
  title: 'H-02 shows no token when it is printed, alone or within something',
  module: 'login/tokens.ts',
  check: ({ Tokens }) => {
    const tokens = Tokens.fromDict(tokenFields);
    const printed = [
      String(tokens),
      JSON.stringify({ tokens }),
      inspect({ tokens }, { depth: Infinity, showHidden: true, getters: true }),
      inspect(new Error('x', { cause: tokens }), { depth: Infinity }),
      inspect({ ...(tokens as object) }),
      inspect(structuredClone({ tokens })),
    ].join('\n');
    assert.not.match(printed, 'CANARY', 'a token is printed');
    assert.not.match(printed, idTokenPayload);
    assert.match(printed, '"access_token":"[redacted]"');
  },
};

const tellsThePage: CommandRow<typeof import('../src/login/sign-in.ts')> = {
  title: 'the page says how the sign-in ended, not that the redirect came',
  module: 'login/sign-in.ts',
  check: async ({ signIn }) => {
    let takes = false;
    await using as = await startIssuer({
      token: (_form, response) => {
        if (takes) json(response, 200, { access_token: 'a', token_type: 'bearer' });
        else json(response, 400, { error: 'invalid_grant' });
      },
    });
    for (const headline of ['Authentication failed', 'Authentication successful']) {
      using watched = new Watched(signIn({ issuer: as.issuer, clientId: 'c' }));
      const { body } = await visit(comingBack((await watched.next('authorize')).url, { code: 'c' }));
      assert.match(body, headline, `the page of ${takes ? 'tokens' : 'a refusal'}`);
      takes = true;
    }
  },
};

const takesItsIssuerOnly: CommandRow<typeof import('../src/login/sign-in.ts')> = {
  title:
    'C-02 C-04 a sign-in takes the response of its own issuer, and none without one where it is advertised',
  module: 'login/sign-in.ts',
  check: async ({ signIn }) => {
    await using as = await startIssuer({
      metadata: { authorization_response_iss_parameter_supported: true },
      token: (_form, response) => json(response, 200, { access_token: 'a', token_type: 'bearer' }),
    });
    using watched = new Watched(signIn({ issuer: as.issuer, clientId: 'c' }));
    const { url } = await watched.next('authorize');
    for (const iss of ['https://evil.example', `${as.issuer}/`, undefined]) {
      const { status } = await visit(comingBack(url, { code: 'c', ...(iss !== undefined && { iss }) }));
      assert.is(status, 400, `a response of ${iss === undefined ? 'nobody' : 'another issuer'}`);
    }
    assert.is(as.requests.length, 1, 'a code is redeemed');
    await visit(comingBack(url, { code: 'c', iss: as.issuer }));
    assert.is((await watched.tokens()).access_token, 'a');
  },
};

const takesItsIdTokenOnly: CommandRow<typeof import('../src/login/sign-in.ts')> = {
  title: 'B-12 a sign-in takes an ID token with its own nonce, and none that has another or none',
  module: 'login/sign-in.ts',
  check: async ({ signIn }) => {
    await using as = await startProvider();
    for (const nonce of ['another-nonce-that-was-not-ours', undefined]) {
      using watched = new Watched(signIn({ issuer: as.issuer, clientId, scope: 'openid' }));
      const { url } = await watched.next('authorize');
      if (nonce === undefined) url.searchParams.delete('nonce');
      else url.searchParams.set('nonce', nonce);
      await new Browser().open(url);
      await watched.ended();
      const what = `an ID token with ${nonce === undefined ? 'no' : 'another'} nonce`;
      assert.is(watched.types.at(-1), 'failed', what);
      assert.match((await watched.failure()).message, 'nonce');
    }
  },
};

const joinsTheSame: CommandRow<typeof import('../src/login/sign-in.ts')> = {
  title: 'sign-ins for the same issuer, client and scope are one, and others are their own',
  module: 'login/sign-in.ts',
  check: async ({ signIn }) => {
    await using one = await startIssuer();
    await using two = await startIssuer();
    await withServer({}, async ({ server, events }) => {
      const options = { issuer: one.issuer, clientId: 'c', scope: 'a', host: server };
      const begun = (): number => events.filter(({ type }) => type === 'begun').length;
      const watched: Watched[] = [];
      try {
        for (const [what, change, expected] of [
          ['the first', {}, 1],
          ['the same again', {}, 1],
          ['another scope', { scope: 'a b' }, 2],
          ['another client', { clientId: 'd' }, 3],
          ['another issuer', { issuer: two.issuer }, 4],
        ] as const) {
          const next = new Watched(signIn({ ...options, ...change }));
          watched.push(next);
          await next.next('waiting');
          assert.is(begun(), expected, `sign-ins with ${what}`);
        }
      } finally {
        for (const each of watched) each.unsubscribe();
      }
    });
  },
};

const registersWhereOffered: CommandRow<typeof import('../src/login/client.ts')> = {
  title: 'a client is registered where there is no client id and the server offers it, and nowhere else',
  module: 'login/client.ts',
  check: async ({ clientOf }) => {
    const register: IssuerOptions['register'] = (body, response) =>
      json(response, 201, { ...body, client_id: 'made' });
    await using offers = await startIssuer({ register });
    await using offersNot = await startIssuer();
    const idOf = async (
      { issuer }: Issuer,
      clientId: string | undefined,
      place?: string,
    ): Promise<string> => {
      const options = { issuer, ...(clientId !== undefined && { clientId }) };
      const endpoint = place === undefined ? {} : { registration_endpoint: `${place}/register` };
      const { signal } = new AbortController();
      const redirectUri = 'http://127.0.0.1:1/callback';
      return (await clientOf(options, { issuer, ...endpoint }, redirectUri, signal)).id;
    };
    assert.is(await idOf(offers, 'mine', offers.issuer), 'mine', 'a client that is known');
    assert.equal([offers.requests.length, offersNot.requests.length], [0, 0]);
    await assert.rejects(idOf(offersNot, undefined), 'registration_failed');
    assert.is(offersNot.requests.length, 0, 'a server that offers none is asked');
    assert.is(await idOf(offers, undefined, offers.issuer), 'made');
    assert.equal(
      offers.requests.map(({ line }) => line),
      ['POST /register'],
    );
  },
};

const refreshesOnce: CommandRow<typeof import('../src/login/refresh.ts')> = {
  title: 'a refresh token is used once, for however many ask, and kept where the server leaves it out',
  module: 'login/refresh.ts',
  check: async ({ refresh }) => {
    let answer: Record<string, unknown> = { access_token: 'b', token_type: 'bearer' };
    await using as = await startIssuer({
      token: (_form, response) => json(response, 200, answer),
    });
    const fields = { issuer: as.issuer, client_id: 'c', access_token: 'a', token_type: 'bearer' };
    const kept = Tokens.fromDict({ ...fields, refresh_token: 'r' });
    const both = await Promise.all([firstValueFrom(refresh(kept)), firstValueFrom(refresh(kept))]);
    const asked = as.requests.filter(({ line }) => line === 'POST /token').length;
    assert.is(asked, 1, 'how often it is used');
    assert.equal(
      both.map(({ access_token, refresh_token }) => [access_token, refresh_token]),
      Array.from({ length: 2 }, () => ['b', 'r']),
      'what is left out is kept',
    );
    answer = { ...answer, refresh_token: 'r2' };
    assert.is((await firstValueFrom(refresh(kept))).refresh_token, 'r2');
  },
};

const givesTicketsToMonitors: CommandRow<typeof import('../src/monitor/server.ts')> = {
  title: 'the monitor page gets a ticket with a link, once, or a monitor’s token, and with nothing else',
  module: 'monitor/server.ts',
  check: ({ createMonitor }) =>
    withMonitor(
      async ({ ask, monitor }) => {
        const answers = async (credential: string): Promise<number> => (await ask(credential)).status;
        for (const [what, credential] of [
          ['nothing', ''],
          ['a token of nobody', `${token}-nobody`],
          ['a token without the role', `${token}-listener`],
        ] as const)
          assert.is(await answers(credential), 401, `with ${what}`);
        const pass = passOf(monitor.url());
        assert.equal([await answers(pass), await answers(pass)], [200, 401], 'a link, opened twice');
        assert.is(await answers(`${token}-monitor`), 200);
      },
      { bridge: { tokens: tokensByRole }, create: createMonitor },
    ),
};

const tokensByRole = (['monitor', 'listener'] as const).map((role) => ({
  name: role,
  token: `${token}-${role}`,
  roles: [role],
}));

const hidesFromStrangers: CommandRow<typeof import('../src/telemetry/mount.ts')> = {
  title: "I-04 on the server's port metrics and health answer a monitor, and to others are not there",
  module: 'telemetry/mount.ts',
  check: ({ mountOperator }) =>
    withBridge(
      async ({ server, bridge, send: ask }) => {
        const undo = mountOperator(server, bridge, {
          metrics: () => Promise.reject(new Error('a secret')),
          unready: () => 'draining',
        });
        const as = (name: string): Promise<number> =>
          ask({ target: '/readyz', headers: { Authorization: `Bearer ${token}-${name}` } }).then(
            ({ status }) => status,
          );
        const elsewhere = await ask({ target: '/nothing' });
        for (const target of ['/metrics', '/healthz', '/readyz']) {
          const { status, body } = await ask({ target });
          assert.equal([status, body], [404, elsewhere.body], `${target} for a stranger`);
        }
        assert.equal([await as('monitor'), await as('listener'), await as('nobody')], [503, 404, 404]);
        bridge.revoke('monitor');
        assert.is(await as('monitor'), 404);
        bridge.setTokens([{ name: 'other', token: `${token}-other`, roles: ['monitor'] }]);
        assert.is(await as('other'), 503);
        undo();
        assert.is(await as('other'), 404);
      },
      { tokens: tokensByRole },
    ),
};

const pastesByState: CommandRow<typeof import('../src/login/paste.ts')> = {
  title: 'what is pasted is for the flow of its state, and of its issuer',
  module: 'login/paste.ts',
  check: ({ paste }) =>
    withServer({}, async ({ server }) => {
      const flow = await server.begin({ issuer: 'https://as.example' });
      const seen = observe(flow);
      const { redirectUri, state } = flow;
      for (const [text, disposition] of [
        [`${redirectUri}?code=c&state=another-state-of-no-flow`, 'unmatched'],
        [`code=c&state=another-state-of-no-flow`, 'unmatched'],
        [`${redirectUri}?code=c&state=${state}&iss=https%3A%2F%2Fevil.example`, 'wrong_issuer'],
        [`https://evil.example/callback?code=c&state=${state}`, 'refused'],
      ] as const)
        assert.is((await paste(server, text, flow)).disposition, disposition, text.replace(state, 'STATE'));
      assert.equal(seen, { responses: [], errors: [], completed: false });
      assert.is((await paste(server, `code=c&state=${state}`, flow)).disposition, 'accepted');
    }),
};

const sendsItsOwnOnly: CommandRow<typeof import('../src/cli/login/submit.ts')> = {
  title: 'what is pasted for a service elsewhere is not sent, unless it is of this sign-in',
  module: 'cli/login/submit.ts',
  check: ({ submitElsewhere }) =>
    withServer({}, async ({ server, redirects }) => {
      await using elsewhere = createOAuthCallbackServer();
      await elsewhere.listen();
      let strays = 0;
      elsewhere.redirects.subscribe(() => strays++);
      const issuer = 'https://as.example';
      const flow = await server.begin({ issuer });
      const { redirectUri, state } = flow;
      const submit = (text: string): Promise<string | undefined> =>
        submitElsewhere(text, { state, redirectUri, issuer }, AbortSignal.timeout(10_000));
      for (const [what, text] of [
        ['another state', `${redirectUri}?code=c&state=another-state-of-no-flow`],
        ['another issuer', `code=c&state=${state}&iss=https%3A%2F%2Fevil.example`],
        ['another server', `${elsewhere.redirectUri}?code=c&state=${state}`],
        ['another path', `${redirectUri}/x?code=c&state=${state}`],
        ['a code given twice', `code=c&state=${state}&code=d`],
      ] as const) {
        assert.type(await submit(text), 'string', `${what} is taken`);
        assert.equal([redirects.length, strays], [0, 0], `${what} is sent`);
      }
      assert.is(await submit(`code=c&state=${state}`), undefined);
      assert.equal([redirects.map(({ disposition }) => disposition), strays], [['accepted'], 0]);
    }),
};

const hearsOnce: CommandRow<typeof import('../src/client.ts')> = {
  title: 'K-14 the feed of page and watch has each event once, however often the connection breaks',
  module: 'client.ts',
  check: async ({ connectCallbackHost }) => {
    const proxy = await TcpProxy.open();
    const authority = `127.0.0.1:${proxy.port}`;
    const heard: ServerEvent[] = [];
    const attempt = async ({ server, port }: Bridged): Promise<void> => {
      proxy.target = port;
      await using host = await connectCallbackHost(`ws://${authority}/bridge`, {
        token,
        history: true,
        scheduler: hasty,
      });
      host.events.subscribe((event) => heard.push(event));
      for (let round = 1; round <= 3; round++) {
        for (let n = 0; n < 5; n++) await server.begin();
        await until(`events of round ${round}`, () => heard.length >= 5 * round);
        proxy.target = undefined;
        proxy.cutAll();
        await until('the loss', () => !host.connected);
        proxy.target = port;
      }
      await server.begin();
      await until('the last event', () => flowsOf(heard).includes(16));
      assert.equal(
        flowsOf(heard),
        Array.from({ length: 16 }, (_, index) => index + 1),
        'flows, as they were heard to begin',
      );
    };
    try {
      await withBridge(attempt, {}, { publicUrl: `http://${authority}` });
    } finally {
      await proxy.close();
    }
  },
};

const flowsOf = (events: readonly ServerEvent[]): number[] =>
  events.map((event) => ('flow' in event ? Number(event.flow) : NaN));

/** Looks until it is so; a check that has failed must not keep its process alive. */
async function until(what: string, met: () => boolean): Promise<void> {
  const end = performance.now() + 10_000;
  while (!met()) {
    if (performance.now() > end) throw new Error(`${what}: not within 10 s`);
    await new Promise(setImmediate);
  }
}

/** Each is checked with what its own module exports. */
export const commandRows = {
  savesForOwner,
  printsNoToken,
  tellsThePage,
  takesItsIssuerOnly,
  takesItsIdTokenOnly,
  joinsTheSame,
  registersWhereOffered,
  refreshesOnce,
  givesTicketsToMonitors,
  hidesFromStrangers,
  pastesByState,
  sendsItsOwnOnly,
  hearsOnce,
} satisfies Record<string, CommandRow>;
