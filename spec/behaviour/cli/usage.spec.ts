/** Bad usage gets one sentence on stderr and the exit code of the table, without a stack. */
import { chmodSync } from 'node:fs';
import { exitCodes } from '../../../src/cli/exit-codes.ts';
import { CommandError } from '../../../src/cli/errors.ts';
import { requireKnownVariables } from '../../../src/cli/variables.ts';
import * as assert from '../../helpers/assert.ts';
import { Cli, Folder, run, type Run } from '../../helpers/cli.ts';
import { hold } from '../../helpers/sockets.ts';
import { suite } from '../../helpers/suite.ts';

const secret = 'a-secret-that-nobody-may-see';

function complains(
  { code, stdout, stderr }: Run,
  sentence: string | RegExp,
  exitCode: number = exitCodes.usage,
): void {
  assert.match(stderr, /^rx-oauth-callback: [^\n]+\n(?:\(Did you mean [^\n]+\n)?$/);
  assert.match(stderr, sentence);
  assert.not.match(stderr, secret);
  assert.is(stdout, '');
  assert.is(code, exitCode);
}

const test = suite('usage');

for (const command of [
  ['serve'],
  ['login', '--issuer', 'https://as.example'],
  ['watch', 'ws://127.0.0.1:1/bridge'],
])
  test(`a misspelt variable is refused by ${command[0]}, with the nearest name and without its value`, async () => {
    for (const [name, near] of [
      ['PROT', '; did you mean RX_OAUTH_CALLBACK_PORT?'],
      ['TOKN', '; did you mean RX_OAUTH_CALLBACK_TOKEN?'],
      ['CLIENT_SECRT', '; did you mean RX_OAUTH_CALLBACK_CLIENT_SECRET?'],
      ['SOMETHING_ELSE_THAT_IS_LONG', ''],
    ])
      complains(
        await run(command, { [`RX_OAUTH_CALLBACK_${name}`]: secret }),
        `rx-oauth-callback: RX_OAUTH_CALLBACK_${name} is not a variable of this command${near}\n`,
      );
  });

test('variables of Kubernetes and empty ones are no misspelt ones', () => {
  const env = {
    RX_OAUTH_CALLBACK_SERVICE_HOST: '192.0.2.1',
    RX_OAUTH_CALLBACK_SERVICE_PORT_HTTP: '80',
    RX_OAUTH_CALLBACK_PORT_80_TCP_ADDR: '192.0.2.1',
    RX_OAUTH_CALLBACK_PROT: '',
  };
  requireKnownVariables(env);
  const error = assert.throws(
    () => requireKnownVariables({ ...env, RX_OAUTH_CALLBACK_PROT: '1' }),
    CommandError,
  );
  assert.match(error.message, 'RX_OAUTH_CALLBACK_PORT?');
});

const wrong: readonly (readonly [args: readonly string[], sentence: string | RegExp])[] = [
  [['sevre'], "unknown command 'sevre'"],
  [['serve', '--prot', '1'], "unknown option '--prot'"],
  [['serve', `--tokne=${secret}`], "unknown option '--tokne'\n"],
  [['serve', 'extra'], "too many arguments for 'serve'"],
  [['serve', '--error-without-state', 'end-only-flow'], "unknown option '--error-without-state'"],
  [['serve', '--port'], "option '--port <port>' argument missing"],
  [['serve', '--port', 'many'], '--port must be a whole number, or several; got "many"'],
  [['serve', '--port', '65536'], '--port must be a whole number from 0 to 65535; got 65536'],
  [['serve', '--host', '192.0.2.1'], '--host must be a loopback address unless tls or publicUrl is set'],
  [['serve', '--public-url', 'sign-in.example'], '--public-url must be an http or https URL'],
  [['serve', '--callback-path', 'cb'], '--callback-path must be a URL path'],
  [['serve', '--callback-path', '/metrics'], '--callback-path must not be /healthz, /readyz, /metrics'],
  [['serve', '--flow-ttl', '0'], '--flow-ttl must be a whole number from 1 to 86400000; got 0'],
  [
    ['serve', '--language', 'tlh'],
    '--language must be en, de, fr, es, pt-PT, pt-BR, it, nl, pl, ru, tr, ar, ja, ko, zh-Hans, zh-Hant or auto; got "tlh"',
  ],
  [['serve', '--clean-url', 'never'], '--clean-url must be script, redirect or false; got "never"'],
  [
    ['serve', '--settle', 'true'],
    '--settle must be milliseconds or a duration such as 500ms, 30s, 10m or 1h, or false; got "true"',
  ],
  [['serve', '--unmatched', 'holdFor=1'], '--unmatched must be reject, accept, or holdFor and max'],
  [['serve', '--unmatched', 'holdFor=0,max=1'], '--unmatched holdFor must be a whole number from 1 to 60000'],
  [['serve', '--limit', 'connections'], '--limit must be names with whole numbers'],
  [['serve', '--limit', 'connections=few'], '--limit connections must be a whole number; got "few"'],
  [['serve', '--tls-cert', '/dev/null', '--tls-key', '/dev/null'], 'do not work together'],
  [['serve', '--limit', 'conections=5'], '--limit conections is not an option'],
  [['serve', '--limit', '__proto__=5'], '--limit must be names with whole numbers'],
  [['serve', '--bridge-limit', 'heartbeat=0'], '--bridge-limit heartbeat must be a whole number from 1'],
  [['serve', '--bridge-path', 'bridge'], '--bridge-path must be a URL path'],
  [['serve', '--bridge-port', '-1'], '--bridge-port must be a whole number from 0 to 65535; got -1'],
  [['serve', '--origin', 'app.example'], '--origin must be origins such as https://app.example'],
  [
    ['serve', '--issuer', 'https://a.example', '--issuer', 'https://a.example'],
    '--issuer must differ from each other',
  ],
  [['serve', '--issuer', 'as.example'], '--issuer must be a URL without query and fragment'],
  [['serve', '--issuer', 'https://as.example?x'], '--issuer must be a URL without query and fragment'],
  [['serve', '--issuer', 'ftp://as.example'], '--issuer must be a URL without query and fragment'],
  [['login', '--issuer', 'as.example'], '--issuer must be a URL without query and fragment'],
  [['serve', '--metrics-port', '70000'], '--metrics-port must be a whole number from 0 to 65535; got 70000'],
  ...['1.5x', '1.5s', '5 s', '-5s', '5d', '+5', '', 's'].map(
    (text) =>
      [
        ['serve', '--drain', text],
        `--drain must be milliseconds or a duration such as 500ms, 30s, 10m or 1h, from 0s to 1h; got ${text === '' ? 'an empty string' : JSON.stringify(text)}`,
      ] as const,
  ),
  [['serve', '--drain', '-5'], 'from 0s to 1h; got -5'],
  [['serve', '--drain', '2h'], 'from 0s to 1h; got "2h"'],
  [['serve', '--flow-ttl', '25h'], '--flow-ttl must be a whole number from 1 to 86400000; got 90000000'],
  [['serve', '--unmatched', 'holdFor=1x,max=1'], '--unmatched must be reject, accept, or holdFor and max'],
  [
    ['token', '--timeout', '1.5x', 'f'],
    '--timeout must be seconds or a duration such as 500ms, 30s, 10m or 1h, from 1s to 24h; got "1.5x"',
  ],
  [
    ['logout', '--timeout', '25h', 'f'],
    '--timeout must be seconds or a duration such as 500ms, 30s, 10m or 1h, from 1s to 24h; got "25h"',
  ],
  [['serve', '--logo', '/no/such/file'], '--logo /no/such/file cannot be read: no such file'],
  [['serve', '--logo', '/dev/null'], '--logo /dev/null cannot be read: not a file'],
  [['serve', '--logo', 'data:text/plain,x'], '--logo must be a data:image/ URI'],
  [['serve', '--log-level', 'loud'], '--log-level must be debug, info, warn, error or silent; got "loud"'],
  [['serve', '--token', 'short'], '--token must be 16 or more letters'],
  [['serve', '--token', `${secret} with spaces`], '--token must be 16 or more letters'],
  [['serve', '--tls-cert', 'cert.pem'], '--tls-key is missing'],
  [['serve', '--tokens', '/no/such/file'], '--tokens /no/such/file cannot be read: no such file'],
  [['serve', '--config', '/no/such/file'], '--config /no/such/file cannot be read: no such file'],
  [['demo', '--jsno'], /unknown option '--jsno'\n\(Did you mean --json\?\)/],
];

for (const [args, sentence] of wrong) {
  test(`refuses ${args.join(' ').replace(secret, '…')}`, async () => complains(await run(args), sentence));
}

test('names the variable if the bad value comes from the environment', async () => {
  complains(
    await run(['serve'], { RX_OAUTH_CALLBACK_PORT: 'x' }),
    'RX_OAUTH_CALLBACK_PORT must be a whole number, or several; got "x"',
  );
  complains(
    await run(['serve'], { RX_OAUTH_CALLBACK_TOKEN: `${secret}!` }),
    'RX_OAUTH_CALLBACK_TOKEN must be 16 or more letters',
  );
  complains(
    await run(['serve'], { RX_OAUTH_CALLBACK_MAX_FLOWS: '0' }),
    'RX_OAUTH_CALLBACK_MAX_FLOWS must be a whole number from 1',
  );
});

const files: readonly (readonly [content: unknown, sentence: string])[] = [
  [`{"token": "${secret}",\n oops}`, 'is not JSON (line 2)'],
  [[], 'must hold a JSON object'],
  [{ prot: 1 }, 'prot in FILE is not an option'],
  [{ errorWithoutState: 'ignore' }, 'errorWithoutState in FILE is not an option'],
  [{ bridge: { prot: 1 } }, 'bridge.prot in FILE is not an option'],
  [{ bridge: 'x' }, 'bridge in FILE must be an object; got "x"'],
  [{ port: '8080' }, 'port in FILE must be a whole number, or several; got "8080"'],
  [{ flowTtl: -1 }, 'flowTtl in FILE must be a whole number from 1 to 86400000; got -1'],
  [
    { flowTtl: '1.5x' },
    'flowTtl in FILE must be milliseconds or a duration such as 500ms, 30s, 10m or 1h; got "1.5x"',
  ],
  [
    { flowTtl: 1.5 },
    'flowTtl in FILE must be milliseconds or a duration such as 500ms, 30s, 10m or 1h; got 1.5',
  ],
  [{ limits: { body: 0 } }, 'limits.body in FILE must be a whole number from 1'],
  [{ bridge: { limits: { queued: 0 } } }, 'bridge.limits.queued in FILE must be a whole number from 1'],
  [{ bridge: { path: 'x' } }, 'bridge.path in FILE must be a URL path; got "x"'],
  [{ token: 7 }, 'token in FILE must be text'],
  [{ token: `${secret}!` }, 'token in FILE must be 16 or more letters'],
  [{ tokens: [{ name: 'a', token: secret }] }, 'tokens in FILE must be a file, or a list of tokens'],
  [{ tokens: [] }, 'tokens in the file contains no token, so no program could connect'],
  [{ tokens: 7 }, 'tokens in FILE must be a file, or a list of tokens'],
];

for (const [content, sentence] of files) {
  test(`refuses a file with ${JSON.stringify(content).replaceAll(secret, '…')}`, async () => {
    using folder = new Folder();
    const file = folder.write('serve.json', content);
    complains(await run(['serve', '--config', file]), sentence.replace('FILE', file));
  });
}

test('refuses a logo that is no image, or too large for a page', async () => {
  using folder = new Folder();
  const page = folder.write('logo.svg', '<html><svg></svg></html>');
  const large = folder.write('logo.png', `\x89PNG\r\n${'x'.repeat(102_400)}`);
  complains(
    await run(['serve', '--logo', page]),
    `--logo ${page} must be an image: SVG, PNG, JPEG, GIF, WebP or AVIF`,
  );
  complains(await run(['serve', '--logo', large]), `--logo ${large} must not be larger than 102400 bytes`);
});

const tokenFiles: readonly (readonly [content: unknown, sentence: string])[] = [
  ['nothing', 'is not JSON'],
  [{}, 'must be a list of tokens'],
  [[], '--tokens FILE contains no token, so no program could connect'],
  [[{ name: 'ci', token: secret }], '0.roles in FILE is missing'],
  [[{ name: 'ci', token: secret, roles: ['admin'] }], '0.roles.0 in FILE must be listener or monitor'],
  [[{ name: 'ci', token: `${secret} !`, roles: ['monitor'] }], 'must be 16 or more letters'],
  [[{ name: 'ci', token: secret, roles: ['monitor'], role: 1 }], '0.role in FILE is not an option'],
];

for (const [content, sentence] of tokenFiles) {
  test(`refuses a file of tokens with ${JSON.stringify(content).replaceAll(secret, '…')}`, async () => {
    using folder = new Folder();
    const file = folder.write('tokens.json', content);
    complains(await run(['serve', '--tokens', file]), sentence.replace('FILE', file));
  });
}

test('names the file that it may not read', async () => {
  using folder = new Folder();
  const file = folder.write('tokens.json', []);
  chmodSync(file, 0);
  const { code, stderr } = await run(['serve', '--tokens', folder.path]);
  assert.is(code, exitCodes.usage);
  assert.match(stderr, `--tokens ${folder.path} cannot be read: EISDIR`);
});

test('says that a port is taken, and by which program', async () => {
  const other = await hold({ host: '127.0.0.1' });
  try {
    complains(
      await run(['serve', '--port', String(other.port)]),
      `port ${other.port} on 127.0.0.1 is in use by another process`,
      exitCodes.listen,
    );
    for (const flag of ['--metrics-port', '--bridge-port']) {
      for (const json of ['--json', '--no-json']) {
        complains(
          await run(['serve', flag, String(other.port), json, '--log-level', 'debug']),
          `port ${other.port} on 127.0.0.1 is in use by another process`,
          exitCodes.listen,
        );
      }
    }
  } finally {
    await other.release();
  }
  await using service = Cli.start(['serve']);
  const port = await service.sees(/127\.0\.0\.1:(\d+)\/callback/);
  complains(
    await run(['serve', '--port', port]),
    `port ${port} on 127.0.0.1 is in use by another rx-oauth-callback server`,
    exitCodes.listen,
  );
});

test.run();
