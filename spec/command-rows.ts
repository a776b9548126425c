/** What the commands and the operator's side must do, each as a check of one module: of the real one, and of weakened twins. */
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import type { ServerEvent } from '../src/index.ts';
import { createOAuthCallbackServer } from '../src/index.ts';
import * as assert from './helpers/assert.ts';
import { token, withBridge, type Bridged } from './helpers/bridge.ts';
import { hasty } from './helpers/clock.ts';
import { observe, withServer } from './helpers/endpoint.ts';
import { TcpProxy } from './helpers/tcp-proxy.ts';
import { passOf, withMonitor } from './monitor/monitored.ts';
import { idTokenPayload, tokenFields } from './helpers/tokens.ts';

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
      await save(file, 'tokens');
      assert.is(readFileSync(file, 'utf8'), 'tokens');
      assert.is((statSync(file).mode & 0o777).toString(8), '600', 'the mode of the file');
    }),
};

const opensTheWebOnly: CommandRow<typeof import('../src/cli/browser.ts')> = {
  title: 'E-09 opens https, and http on loopback, and nothing else',
  module: 'cli/browser.ts',
  check: ({ openBrowser }) =>
    within(async (folder) => {
      // A browser that only leaves a mark; xdg-open is what Linux has, and asks for BROWSER where it is not this one.
      const mark = join(folder, 'mark');
      const program = join(folder, 'xdg-open');
      writeFileSync(program, `#!/bin/sh\n: > '${mark}'\n`);
      chmodSync(program, 0o755);
      const { PATH, BROWSER } = process.env;
      Object.assign(process.env, { PATH: `${folder}:${PATH ?? ''}`, BROWSER: program });
      try {
        for (const url of [
          'http://as.example/',
          'http://127.0.0.1.nip.io/',
          'javascript:alert(1)',
          'file:///etc/passwd',
          'data:text/html,x',
          'ms-settings:x',
          'ftp://127.0.0.1/',
        ])
          assert.is(await openBrowser(new URL(url)), false, `${url} is opened`);
        assert.not.ok(existsSync(mark));
      } finally {
        process.env['PATH'] = PATH;
        if (BROWSER === undefined) delete process.env['BROWSER'];
        else process.env['BROWSER'] = BROWSER;
      }
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
    ].join('\n');
    assert.not.match(printed, 'CANARY', 'a token is printed');
    assert.not.match(printed, idTokenPayload);
    assert.match(printed, '"access_token":"[redacted]"');
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
  opensTheWebOnly,
  printsNoToken,
  givesTicketsToMonitors,
  hidesFromStrangers,
  pastesByState,
  sendsItsOwnOnly,
  hearsOnce,
} satisfies Record<string, CommandRow>;
