/** Sends one secret of each kind through all commands, at the debug level for people: no output shows any. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Tokens } from '../../../src/login.ts';
import * as assert from '../../helpers/assert.ts';
import { Cli, Folder, run, type Run } from '../../helpers/cli.ts';
import { answer, withoutBrowser } from '../../helpers/demo.ts';
import { send, visit } from '../../helpers/http.ts';
import { comingBack, json, startIssuer } from '../../helpers/issuer.ts';
import { codeOf, urlOf } from '../../helpers/login.ts';
import { overhear, type Secrets } from '../../helpers/overheard.ts';
import { suite } from '../../helpers/suite.ts';

const secrets = {
  bridge: 'CANARY-token-of-the-bridge',
  wrong: 'CANARY-token-of-nobody',
  client: 'CANARY-secret-of-the-client',
  code: 'CANARY-code-of-a-person',
  access: 'CANARY-access-token',
  refresh: 'CANARY-refresh-token',
};
const env = { RX_OAUTH_CALLBACK_TOKEN: secrets.bridge, RX_OAUTH_CALLBACK_CLIENT_SECRET: secrets.client };

const test = suite('secrets in the commands');

/** Signs in by a `login`, after some who should not; gives what is secret of it. */
async function signIn(command: Cli): Promise<string[]> {
  const url = new URL(await command.sees(/^ {2}(http\S+)$/m, 'stderr'));
  const state = url.searchParams.get('state')!;
  const back = comingBack(url, { code: secrets.code });
  const ofNobody = back.replace(state, `${state.slice(0, -1)}!`);
  for (const stray of [ofNobody, `${back}&iss=https://evil.example`, `${back}&code=${secrets.code}`])
    assert.is((await visit(stray)).status, 400);
  const { status } = await visit(back);
  assert.is(status, 200);
  return [state, state.slice(0, 20)];
}

test('H-01 no command shows a code, a state, a verifier, a secret or a token, but login those it got, on stdout', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'canary-'));
  const verifiers: string[] = [];
  await using as = await startIssuer({
    token: (form, response) => {
      verifiers.push(form.get('code_verifier')!);
      const { access, refresh } = secrets;
      json(response, 200, { access_token: access, refresh_token: refresh, token_type: 'bearer' });
    },
  });
  try {
    await using service = Cli.start(
      ['serve', '--log-level', 'debug', '--settle', '60000', '--drain', '0'],
      env,
    );
    const bridge = await service.sees(/^Bridge +(ws:\S+)$/m);
    const metrics = await service.sees(/^Metrics +(http:\S+)$/m);
    const link = await service.sees(/^Monitor +\S+#(\S+)$/m);
    await using lines = Cli.start(['watch', bridge, '--history'], env);
    await using table = Cli.onTerminalOf(24, 100, ['watch', bridge, '--history'], env);
    const login = ['login', '--issuer', as.issuer, '--client-id', 'c', '--no-browser'];
    const file = join(folder, 'tokens.json');
    await using elsewhere = Cli.start([...login, '--via', bridge], env);
    const made = await signIn(elsewhere);
    const { code, stdout: tokens, stderr: told } = await elsewhere.end();
    assert.is(code, 0, told);
    await using here = Cli.start([...login, '--save', file], env);
    made.push(...(await signIn(here)));
    assert.is((await here.end()).code, 0, here.stderr);
    const refused = [
      await run(['watch', bridge], { RX_OAUTH_CALLBACK_TOKEN: secrets.wrong }),
      await run([...login, '--via', bridge], { RX_OAUTH_CALLBACK_TOKEN: secrets.wrong }),
      await run(['serve', `--tokn=${secrets.wrong}`]),
      await run(['serve', '--token', `${secrets.wrong} !`]),
    ];
    assert.equal(
      refused.map((each) => each.code),
      [4, 4, 2, 2],
    );
    await send(`${metrics}?code=${secrets.code}`, { headers: { Authorization: `Bearer ${secrets.wrong}` } });
    const { body } = await send(metrics, { headers: { Authorization: `Bearer ${secrets.bridge}` } });
    await lines.sees(/"settled"/);
    await table.sees(/settled/);
    lines.signal('SIGINT');
    table.press('\x03');
    await Promise.all([lines.end(), table.end()]);
    service.signal('SIGTERM');
    await service.end();
    assert.match(service.stderr, ' debug ');

    const outputs = {
      serve: service.stderr + service.stdout.replace(link, ''),
      watch: lines.stdout + lines.stderr,
      'watch on a terminal': table.stdout,
      'login --via': told,
      'login --save': here.stdout + here.stderr,
      'what was refused': refused.map(({ stdout, stderr }) => stdout + stderr).join(''),
      metrics: body,
    };
    assert.ok(verifiers.length === 2 && verifiers.every((verifier) => verifier.length >= 43));
    for (const [whose, output] of Object.entries(outputs)) {
      // The URL that a person is to open has to have it.
      const shown = whose.startsWith('login') ? output.replace(/^ {2}http\S+$/gm, '') : output;
      assert.ok(shown.length > 50, whose);
      for (const secret of [...Object.values(secrets), ...verifiers, ...made, link])
        assert.not.match(shown, secret, `${whose} shows ${secret}`);
    }
    for (const text of [tokens, readFileSync(file, 'utf8')])
      assert.is(Tokens.fromDict(JSON.parse(text) as Record<string, unknown>).access_token, secrets.access);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

/** Secrets of a sign-in that must not be seen, as the wire writes them. */
const pasted = 'CANARY/code+that=was~pasted';
const denied = 'CANARY/code+that=was~refused';
const hidden = (text: string, more: readonly string[]): string[] => {
  // The part of the header's secret that does not depend on what follows.
  const header = Buffer.from('c:CANA').toString('base64');
  return ['CANARY', header, ...more].filter((secret) => text.includes(secret));
};

test(
  'H-01 no command shows a code that was pasted or rejected, or a part of a request that a server repeats',
  async () => {
    const sent: string[] = [];
    const verifiers: string[] = [];
    await using as = await startIssuer({
      token: (form, response) => {
        verifiers.push(form.get('code_verifier')!);
        // All of it, as it came and as it is meant.
        const { authorization = '' } = response.req.headers;
        const error_description = [authorization, ...form.values(), String(form)].join(' ');
        sent.push(error_description);
        json(response, 400, { error: 'invalid_grant', error_description });
      },
    });
    await using service = Cli.start(
      ['serve', '--log-level', 'debug', '--settle', '60000', '--drain', '0'],
      env,
    );
    const bridge = await service.sees(/^Bridge +(ws:\S+)$/m);
    await using lines = Cli.start(['watch', bridge, '--history'], env);
    await using table = Cli.onTerminalOf(24, 100, ['watch', bridge, '--history'], env);
    const login = ['login', '--issuer', as.issuer, '--client-id', 'c', '--no-browser'];
    const outputs: Record<string, string> = {};
    for (const [place, more] of [
      ['login', []],
      ['login --client-auth post', ['--client-auth', 'post']],
      ['login --via', ['--via', bridge]],
    ] as const) {
      for (const [what, line] of [
        ['a URL', (url: URL) => comingBack(url, { code: pasted })],
        ['a query', (url: URL) => new URL(comingBack(url, { code: pasted })).search],
        ['a code', () => pasted],
      ] as const) {
        await using command = Cli.onTerminal([...login, ...more], env);
        const url = await urlOf(command);
        await command.sees(/Waiting for the sign-in/);
        const back = comingBack(url, { code: pasted });
        const state = url.searchParams.get('state')!;
        command.press(`${back.replace(state, `${state.slice(0, -1)}!`)}\r`);
        await command.sees(/to another sign-in[^]*Try again:/);
        command.press(`${back}&code=CANARY-twice\r`);
        await command.sees(/\(repeated_parameter\)/);
        command.press(`${line(url)}\r`);
        assert.is(await codeOf(command), 1, command.stdout);
        assert.match(command.stdout, 'answered invalid_grant: ');
        outputs[`${place}, given ${what}`] = command.stdout;
      }
      await using command = Cli.start([...login, ...more], env);
      const page = await visit(comingBack(await urlOf(command), { code: denied }));
      assert.is(await codeOf(command), 1, command.stderr);
      outputs[`${place}, come back to`] = command.stdout + command.stderr;
      outputs[`the page of ${place}`] = page.body;
    }
    await lines.sees(/(?:"settled"[^]*){4}/);
    await table.sees(/settled/);
    lines.signal('SIGINT');
    table.press('\x03');
    await Promise.all([lines.end(), table.end()]);
    service.signal('SIGTERM');
    await service.end();
    const link = /#(\S+)/.exec(service.stdout)![1]!;
    outputs['serve'] = service.stdout.replace(link, '') + service.stderr;
    outputs['watch'] = lines.stdout + lines.stderr;
    outputs['watch on a terminal'] = table.stdout;
    assert.equal([verifiers.length, new Set(verifiers).size], [12, 12]);
    for (const [whose, output] of Object.entries(outputs)) {
      assert.ok(output.length > 50, whose);
      assert.equal(hidden(output, verifiers), [], whose);
    }

    // The search can find something: a server received each secret, and a terminal that echoes would show it.
    for (const [index, text] of sent.entries()) {
      const found = hidden(text, verifiers);
      assert.ok(found.includes('CANARY') && found.includes(verifiers[index]!), text);
    }
    assert.ok(sent.some((text) => hidden(text, []).length === 2));
    await using echoing = Cli.onTerminal(['serve', '--port', '0'], env);
    await echoing.sees(/^Bridge/m);
    echoing.press(`http://127.0.0.1/callback?code=${encodeURIComponent(pasted)}\r`);
    await echoing.sees(/CANARY/);
    assert.equal(hidden(echoing.stdout, []), ['CANARY']);
  },
  // Twelve sign-ins, one after the other.
  { deadline: 300_000 },
);

/** Returns the secrets whose beginning is in a text. */
const shownOf = (secrets: Secrets, text: string): string[] =>
  Object.entries(secrets).flatMap(([kind, all]: [string, readonly string[]]) =>
    all.filter((secret) => text.includes(secret.slice(0, 20))).map((secret) => `${kind} ${secret}`),
  );

const countsOf = (secrets: Secrets): Record<string, number> =>
  Object.fromEntries(
    Object.entries(secrets).map(([kind, all]: [string, readonly string[]]) => [kind, all.length]),
  );

test(
  'H-01 demo shows no code, state, verifier, token or cookie of its own provider, at its debug level either',
  async () => {
    using folder = new Folder();
    const { env: noBrowser } = withoutBrowser(folder);
    // It has no level of its own; this is that of the packages of which its provider is made.
    const debug = { DEBUG: '*', ...noBrowser };
    const demo = async (...more: string[]): Promise<[Secrets, Run]> => {
      const { env, secrets } = overhear(folder, `overheard${more.join('')}`);
      const ended = await run(['demo', ...more], { ...debug, ...env });
      return [secrets(), ended];
    };
    const clicked = async (): Promise<[Secrets, Run]> => {
      const { env, secrets } = overhear(folder, 'overheard--browser');
      await using cli = Cli.start(['demo', '--browser'], { ...debug, ...env });
      await answer(await cli.sees(/Photo Backup waits for you at (\S+)/), 'Deny');
      await answer(await cli.sees(/Notes waits for you at (\S+)/), 'Allow');
      const { stdout, ...ended } = await cli.end();
      // The URL that the person is to open has to have it.
      return [secrets(), { ...ended, stdout: stdout.replace(/waits for you at \S+$/gm, '') }];
    };
    // Seven people and a forgery; the other forgery has no state.
    const seven = {
      state: 8,
      code: 7,
      verifier: 5,
      'access token': 5,
      'ID token': 5,
      'token of the bridge': 2,
    };
    const two = {
      state: 2,
      code: 1,
      verifier: 1,
      'access token': 1,
      'ID token': 1,
      'token of the bridge': 0,
    };
    for (const [made, [secrets, { code, stdout, stderr }]] of [
      [seven, await demo()],
      [seven, await demo('--json')],
      [two, await clicked()],
    ] as const) {
      assert.is(code, 0, stderr);
      const { cookie, ...others } = countsOf(secrets);
      assert.equal(others, made);
      assert.ok(cookie! > 1, 'cookies');
      assert.match(stdout, 'signed_in');
      assert.equal(shownOf(secrets, stdout + stderr), []);
    }
  },
  { deadline: 300_000 },
);

test.run();
