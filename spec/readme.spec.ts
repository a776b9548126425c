/** Every code block of the README compiles; its whole programs run, unmodified, against a real provider. */
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import type { ServerEvent } from '../src/index.ts';
import {
  password,
  startAuthorizationServer,
  type AuthorizationServer,
} from '../examples/demo/authorization-server.ts';
import { Browser } from '../examples/demo/browser.ts';
import * as assert from './helpers/assert.ts';
import { Consumer, root } from './helpers/consumer.ts';
import { codeBlocks, readme, type CodeBlock } from './helpers/readme.ts';
import { suite } from './helpers/suite.ts';

const programs = {
  single: 'One sign-in',
  many: 'Many sign-ins, one server',
  pipeline: 'A pipeline',
};

type Button = 'Allow' | 'Deny';

const blocks = codeBlocks();
const scripts = blocks.filter(({ language }) => language === 'ts');
const isProgram = ({ heading }: CodeBlock): boolean => Object.values(programs).includes(heading);
const fileOf = ({ line }: CodeBlock): string => `README-line-${line}.ts`;

// Fragments take up where a whole program has left off.
const prologue = [
  "import { AsyncSubject, filter, firstValueFrom, groupBy, map, mergeMap, switchMap, tap, timeout } from 'rxjs';",
  "import { createServer } from 'node:http';",
  "import * as callback from 'rx-oauth-callback';",
  "import type { Flow, OAuthCallbackError, OAuthCallbackServer } from 'rx-oauth-callback';",
  'const { callbackServer, createOAuthCallbackServer, ofState, orThrow, withFlow } = callback;',
  'const { CallbackResponse, OAuthCallbackResult } = callback;',
  'type OAuthCallbackResult = callback.OAuthCallbackResult;',
  'declare const server: OAuthCallbackServer;',
  'declare const flow: Flow;',
  'declare function open(url: URL): void;',
].join(' ');

/** In a block of its own, so that it may declare what the prologue has, on the line that the README has it on. */
const asModule = (fragment: string): string => `${prologue} {\n${fragment}}\nexport {};\n`;

const test = suite('README.md');

// One project for all: compiling is what takes time.
const consumer = Consumer.ofBuild('openid-client', 'redis', '@redis/client');
process.once('exit', () => consumer[Symbol.dispose]());
const complaints = compileAll();

test('has three whole programs, each under a heading of its own, and only blocks this spec knows', () => {
  const found = scripts.filter(isProgram).map(({ heading }) => heading);
  assert.equal(found, Object.values(programs));
  assert.equal([...new Set(blocks.map(({ language }) => language))].sort(), ['json', 'sh', 'ts']);
});

for (const block of scripts) {
  test(`line ${block.line} compiles: ${block.heading}`, () => {
    assert.equal(
      complaints.filter((line) => line.includes(fileOf(block))),
      [],
    );
  });
}

test('has nothing else to compile', () => {
  const files = scripts.map(fileOf);
  assert.equal(
    complaints.filter((line) => !files.some((file) => line.includes(file))),
    [],
  );
});

test('opens with what the package is, then the commands of this repository', () => {
  const { description, scripts: commands } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    description: string;
    scripts: Record<string, string>;
  };
  assert.is(readme.split('\n')[2], description);
  const [first] = blocks;
  assert.match(first?.text ?? '', /^npm ci && npm run demo\b.*\nnpm ci && npm test\b/);
  assert.ok(commands['demo']);
  assert.ok(commands['test']);
});

test('links to files and headings that are there', () => {
  const headings = [...readme.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => slug(heading));
  for (const [, target = ''] of readme.matchAll(/\]\((?!https:)([^)]+)\)/g)) {
    if (target.startsWith('#')) assert.ok(headings.includes(target.slice(1)), `no heading ${target}`);
    else assert.ok(existsSync(join(root, target)), `no file ${target}`);
  }
});

test('one sign-in: a person allows it', async () => {
  await using as = await startAuthorizationServer();
  const { code, lines, errors } = await run(programs.single, as, ['Allow']);
  assert.equal([errors, code], ['', 0]);
  assert.equal(lines, ['Signed in']);
});

test('one sign-in: a person denies it', async () => {
  await using as = await startAuthorizationServer();
  const { code, lines, errors } = await run(programs.single, as, ['Deny']);
  assert.equal([code, lines], [1, []]);
  assert.match(errors, 'AuthorizationError: Access was denied');
});

test('many sign-ins: each issuer gets its own, whatever the order and the fate of the others', async () => {
  await using first = await startAuthorizationServer();
  await using second = await startAuthorizationServer();
  await using third = await startAuthorizationServer();
  const issuers = [first, second, third].map(({ issuer }) => issuer);
  using program = new Program(programs.many, {
    ISSUERS: issuers.join(' '),
    CLIENT_ID: first.clients.notes.id,
  });
  const urls = [await program.url(), await program.url(), await program.url()];
  // Whoever was asked last answers first.
  for (const url of urls.reverse()) await answer(url, url?.origin === second.issuer ? 'Deny' : 'Allow');

  const { code, lines, errors } = await program.end();
  assert.equal([errors, code], ['', 0]);
  assert.equal(
    lines.filter((line) => !line.startsWith('{')),
    [
      `${issuers[0]} signed in`,
      `${issuers[1]} Access was denied by the authorization server.`,
      `${issuers[2]} signed in`,
    ],
  );
  const events = lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as ServerEvent);
  assert.equal(count(events), { listening: 1, begun: 3, redirect: 3, settled: 3, closed: 1 });
  for (const url of urls) assert.not.match(lines.join('\n'), url!.searchParams.get('state')!);
});

test('many sign-ins: an answer that names another issuer is not exchanged', async () => {
  await using first = await startAuthorizationServer();
  await using second = await startAuthorizationServer();
  using program = new Program(programs.many, {
    ISSUERS: `${first.issuer} ${second.issuer}`,
    CLIENT_ID: first.clients.notes.id,
  });
  for (const url of [await program.url(), await program.url()]) {
    if (url?.origin === first.issuer) await answer(url, 'Allow');
    else await fetch(redirectOf(url!, { code: 'stolen', iss: first.issuer }));
  }
  const { code, lines, errors } = await program.end();
  assert.equal([errors, code], ['', 0]);
  // The words of openid-client for a response that is not the issuer's; a refused code has others.
  assert.equal(
    lines.filter((line) => !line.startsWith('{')),
    [`${first.issuer} signed in`, `${second.issuer} invalid response encountered`],
  );
});

test('a pipeline: denied, then allowed, with an audit log of both', async () => {
  await using as = await startAuthorizationServer();
  const log = join(consumer.path, 'denied-then-allowed.jsonl');
  const { code, lines, errors } = await run(programs.pipeline, as, ['Deny', 'Allow'], { AUDIT_LOG: log });
  assert.equal([errors, code], ['', 0]);
  const expected = { listening: 1, begun: 2, redirect: 2, settled: 2, closed: 1 };
  assert.equal(lines, ['Signed in', `Events ${JSON.stringify(expected)}`]);
  assert.equal(count(audit(log)), expected);
  assert.equal(
    audit(log).flatMap((event) => (event.type === 'settled' ? [event.error ?? event.outcome] : [])),
    ['access_denied', 'code'],
  );
});

test('a pipeline: denied once too often', async () => {
  await using as = await startAuthorizationServer();
  const { code, errors } = await run(programs.pipeline, as, ['Deny', 'Deny', 'Deny']);
  assert.equal([code, errors], [1, 'Not signed in: Access was denied by the authorization server.\n']);
});

test('a pipeline: nobody answers', async () => {
  await using as = await startAuthorizationServer();
  const log = join(consumer.path, 'nobody.jsonl');
  using program = new Program(programs.pipeline, {
    ISSUER: as.issuer,
    AUDIT_LOG: log,
    PATIENCE_MS: '50',
  });
  assert.ok(await program.url());
  const { code, errors } = await program.end();
  assert.equal([code, errors], [1, 'Not signed in: Timeout has occurred\n']);
  assert.equal(
    audit(log).map(({ type }) => type),
    ['listening', 'begun', 'cancelled', 'closed'],
  );
});

test.run();

function compileAll(): string[] {
  for (const block of scripts) {
    const whole = isProgram(block) || block.text.startsWith('import');
    consumer.write(fileOf(block), whole ? block.text : asModule(block.text));
  }
  return consumer.compile(scripts.map(fileOf), { exactOptionalPropertyTypes: true, skipLibCheck: true });
}

/** A running program of the README. */
class Program implements Disposable {
  readonly #process;
  readonly #closed: Promise<unknown>;
  readonly #errors: Promise<string>;
  readonly #output: AsyncIterator<string>;
  readonly #lines: string[] = [];

  constructor(heading: string, env: NodeJS.ProcessEnv) {
    const block = scripts.find((each) => each.heading === heading)!;
    this.#process = consumer.start(fileOf(block).replace(/ts$/, 'js'), env);
    this.#closed = once(this.#process, 'close');
    this.#errors = text(this.#process.stderr);
    this.#output = createInterface(this.#process.stdout)[Symbol.asyncIterator]();
  }

  /** The next URL that it asks its user to open; undefined when it has ended. */
  async url(): Promise<URL | undefined> {
    for (let next = await this.#output.next(); !next.done; next = await this.#output.next()) {
      if (next.value.startsWith('Open ')) return new URL(next.value.slice('Open '.length));
      this.#lines.push(next.value);
    }
    return undefined;
  }

  /** What it came to, when it has ended by itself. */
  async end() {
    assert.is(await this.url(), undefined, 'it asks for nothing more');
    await this.#closed;
    return { code: this.#process.exitCode, lines: this.#lines, errors: await this.#errors };
  }

  [Symbol.dispose](): void {
    this.#process.kill('SIGKILL');
  }
}

/** Runs a program of the README with a person who answers each URL in turn. */
async function run(
  heading: string,
  as: AuthorizationServer,
  answers: readonly Button[],
  env: NodeJS.ProcessEnv = {},
) {
  using program = new Program(heading, { ...env, ISSUER: as.issuer, CLIENT_ID: as.clients.notes.id });
  for (const each of answers) await answer(await program.url(), each);
  return await program.end();
}

/** Signs in, then presses the button; checks that the page at the end says what was pressed. */
async function answer(url: URL | undefined, button: Button): Promise<void> {
  assert.ok(url, 'the program asks its user to open a URL');
  const browser = new Browser();
  const login = await browser.open(url);
  const asked = await browser.submit(login, 'Sign in', { login: 'ada', password });
  const page = await browser.submit(asked, button);
  assert.match(page.html, button === 'Allow' ? 'Authentication successful' : 'Authentication failed');
}

/** What an authorization server would send the browser to. */
function redirectOf({ searchParams }: URL, response: Readonly<Record<string, string>>): URL {
  const url = new URL(searchParams.get('redirect_uri')!);
  url.search = String(new URLSearchParams({ ...response, state: searchParams.get('state')! }));
  return url;
}

function audit(log: string): ServerEvent[] {
  const lines = readFileSync(log, 'utf8').trim().split('\n');
  return lines.map((line) => JSON.parse(line) as ServerEvent);
}

function count(events: readonly ServerEvent[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { type } of events) counts[type] = (counts[type] ?? 0) + 1;
  return counts;
}

/** As GitHub names the anchor of a heading. */
function slug(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\w\- ]/g, '')
    .replaceAll(' ', '-');
}
