import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InvalidOptionError } from '../../../src/index.ts';
import { openBrowser, signIn } from '../../../src/login.ts';
import * as assert from '../../helpers/assert.ts';
import { comingBack, startIssuer } from '../../helpers/issuer.ts';
import { visit } from '../../helpers/http.ts';
import { clientId } from '../../helpers/provider.ts';
import { suite } from '../../helpers/suite.ts';
import { edit, weakenedModule } from '../../helpers/weakened.ts';
import { Watched } from '../../helpers/watched.ts';

const test = suite('openBrowser');
const url = 'https://as.example/authorize?state=CANARY';

/** A browser that notes the URL and the variables that it gets. */
class NotingBrowser implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'browser-'));
  readonly program = join(this.#folder, 'browser');
  readonly #notes = join(this.#folder, 'notes');

  constructor() {
    writeFileSync(this.program, `#!/bin/sh\n{ echo "$1"; env; } >'${this.#notes}'\n`);
    chmodSync(this.program, 0o755);
  }

  get env(): Record<string, string | undefined> {
    return { ...process.env, BROWSER: this.program };
  }

  get notes(): string[] {
    return existsSync(this.#notes) ? readFileSync(this.#notes, 'utf8').split('\n') : [];
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true });
  }
}

test('gives the URL to the browser of the user, and no variable of the command', async () => {
  using browser = new NotingBrowser();
  const env = { ...browser.env, RX_OAUTH_CALLBACK_TOKEN: 'secret' };
  assert.is(await openBrowser(url, { env }), true);
  assert.is(browser.notes[0], url);
  assert.not.match(browser.notes.join('\n'), 'RX_OAUTH_CALLBACK');
});

for (const [where, env] of [
  ['over SSH', { SSH_CONNECTION: '1 2 3 4', DISPLAY: ':0' }],
  ['without a display', {}],
  ['if the user wants none', { BROWSER: 'none', DISPLAY: ':0' }],
] as const)
  test(`opens none ${where}`, async () => {
    assert.is(await openBrowser(new URL(url), { env }), false);
  });

for (const bad of ['http://as.example/?x=CANARY', 'file:///etc/passwd', 'javascript:CANARY', 'CANARY'])
  test(`takes no URL such as ${bad}, and does not show it`, async () => {
    using browser = new NotingBrowser();
    const error = await assert.rejects(openBrowser(bad, { env: browser.env }), InvalidOptionError);
    assert.equal([error.option, browser.notes], ['url', []]);
    assert.not.match(error.message, 'CANARY');
  });

test('a twin that opens any URL is found', async () => {
  const twin = (await weakenedModule(
    'login.ts',
    edit(`if (!parsed || !isSecure(parsed))`, `if (!parsed)`),
    edit(`if (!isSecure(url)) return false;`, ``),
  )) as { openBrowser: typeof openBrowser };
  using browser = new NotingBrowser();
  await twin.openBrowser('file:///etc/passwd', { env: browser.env });
  assert.is(browser.notes[0], 'file:///etc/passwd');
});

async function signingIn(open: boolean): Promise<[types: string[], notes: string[], url: string]> {
  using browser = new NotingBrowser();
  const before = process.env['BROWSER'];
  process.env['BROWSER'] = browser.program;
  try {
    await using as = await startIssuer();
    using watched = new Watched(signIn({ issuer: as.issuer, clientId, open }));
    const { url: asked } = await watched.next('authorize');
    if (open) assert.is((await watched.next('opened')).opened, true);
    await visit(comingBack(asked, { error: 'access_denied' }));
    await watched.failure();
    await watched.ended();
    return [watched.types, browser.notes.slice(0, 1), asked.href];
  } finally {
    if (before === undefined) delete process.env['BROWSER'];
    else process.env['BROWSER'] = before;
  }
}

test('is what signIn does with open, and says so', async () => {
  const [types, notes, asked] = await signingIn(true);
  assert.equal(notes, [asked]);
  assert.equal(
    types.filter((type) => ['authorize', 'opened', 'failed'].includes(type)),
    ['authorize', 'opened', 'failed'],
  );
});

test('is not what signIn does without open', async () => {
  const [types, notes] = await signingIn(false);
  assert.equal([types.includes('opened'), notes], [false, []]);
});

test('signIn takes nothing else for open', () => {
  const open = 'yes' as unknown as boolean;
  const error = assert.throws(() => signIn({ issuer: 'https://as.example', open }), InvalidOptionError);
  assert.is(error.option, 'open');
});

test.run();
