/** Whole programs of the documents against a real provider, with users who deny, come in another order, or never come. */
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { ServerEvent } from '../../src/index.ts';
import {
  password,
  startAuthorizationServer,
  type AuthorizationServer,
} from '../../src/cli/demo/authorization-server.ts';
import { Browser } from '../../src/testing/browser.ts';
import * as assert from '../helpers/assert.ts';
import { Consumer, root } from '../helpers/consumer.ts';
import { documentOf } from '../helpers/documents.ts';
import { visit } from '../helpers/http.ts';
import { suite } from '../helpers/suite.ts';

const getStarted = 'docs/get-started.md';

/** Each is the only program of its document with that text. */
const programs = {
  single: programWith(getStarted, 'js', 'provider.token_endpoint'),
  typed: programWith(getStarted, 'ts', 'provider.token_endpoint'),
  many: programWith('docs/guides/many-sign-ins.md', 'ts', 'issuers.map('),
  pipeline: programWith('docs/guides/pipelines.md', 'ts', 'createWriteStream'),
};

type Name = keyof typeof programs;
type Button = 'Allow' | 'Deny';

const tsx = fileURLToPath(import.meta.resolve('tsx'));
const project = Consumer.ofBuild('openid-client');
process.once('exit', () => project[Symbol.dispose]());
for (const { file, content } of Object.values(programs)) project.write(file, content);

const test = suite('programs of the documents');

for (const name of ['single', 'typed'] as const) {
  test(`one sign-in (${name}): a user allows it`, async () => {
    await using as = await startAuthorizationServer();
    const { code, lines, errors } = await run(name, as, ['Allow']);
    assert.equal([errors, code], ['', 0]);
    assert.equal(lines, ['Signed in']);
  });

  test(`one sign-in (${name}): a user denies it`, async () => {
    await using as = await startAuthorizationServer();
    const { code, lines, errors } = await run(name, as, ['Deny']);
    assert.equal([code, lines], [1, []]);
    assert.match(errors, 'AuthorizationError: Access was denied');
  });
}

test('many sign-ins: each issuer gets its own, whatever the order and the fate of the others', async () => {
  await using first = await startAuthorizationServer();
  await using second = await startAuthorizationServer();
  await using third = await startAuthorizationServer();
  const issuers = [first, second, third].map(({ issuer }) => issuer);
  using program = new Program('many', { ISSUERS: issuers.join(' '), CLIENT_ID: first.clients.notes.id });
  const urls = [await program.url(), await program.url(), await program.url()];
  // The program that asked last gets its answer first.
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
  assert.equal(count(events), { listening: 1, begun: 3, redirect: 3, answered: 3, closed: 1 });
  for (const url of urls) assert.not.match(lines.join('\n'), url!.searchParams.get('state')!);
});

test('many sign-ins: an answer that names another issuer is not exchanged', async () => {
  await using first = await startAuthorizationServer();
  await using second = await startAuthorizationServer();
  using program = new Program('many', {
    ISSUERS: `${first.issuer} ${second.issuer}`,
    CLIENT_ID: first.clients.notes.id,
  });
  for (const url of [await program.url(), await program.url()]) {
    if (url?.origin === first.issuer) await answer(url, 'Allow');
    else await visit(redirectOf(url!, { code: 'stolen', iss: first.issuer }));
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
  const log = join(project.path, 'denied-then-allowed.jsonl');
  const { code, lines, errors } = await run('pipeline', as, ['Deny', 'Allow'], { AUDIT_LOG: log });
  assert.equal([errors, code], ['', 0]);
  const expected = { listening: 1, begun: 2, redirect: 2, answered: 2, closed: 1 };
  assert.equal(lines, ['Signed in', `Events ${JSON.stringify(expected)}`]);
  assert.equal(count(audit(log)), expected);
  assert.equal(
    audit(log).flatMap((event) => (event.type === 'answered' ? [event.error ?? event.outcome] : [])),
    ['access_denied', 'code'],
  );
});

test('a pipeline: denied once too often', async () => {
  await using as = await startAuthorizationServer();
  const { code, errors } = await run('pipeline', as, ['Deny', 'Deny', 'Deny']);
  assert.equal([code, errors], [1, 'Not signed in: Access was denied by the authorization server.\n']);
});

test('a pipeline: no user answers', async () => {
  await using as = await startAuthorizationServer();
  const log = join(project.path, 'no-user.jsonl');
  using program = new Program('pipeline', { ISSUER: as.issuer, AUDIT_LOG: log, PATIENCE_MS: '50' });
  assert.ok(await program.url());
  const { code, errors } = await program.end();
  assert.equal([code, errors], [1, 'Not signed in: Timeout has occurred\n']);
  assert.equal(
    audit(log).map(({ type }) => type),
    ['listening', 'begun', 'cancelled', 'closed'],
  );
});

test.run();

function programWith(path: string, language: string, text: string): { file: string; content: string } {
  const { blocks } = documentOf(path, readFileSync(join(root, path), 'utf8'));
  const [found, ...others] = blocks.filter(
    (block) => block.run && block.language === language && block.text.includes(text),
  );
  if (!found || others.length > 0) throw new Error(`${path} has not one program with ${text}`);
  return { file: `line-${found.line}.${language}`, content: found.text };
}

/** A running program of a document. */
class Program implements Disposable {
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #closed: Promise<unknown>;
  readonly #errors: Promise<string>;
  readonly #output: AsyncIterator<string>;
  readonly #lines: string[] = [];

  constructor(name: Name, env: NodeJS.ProcessEnv) {
    const { file } = programs[name];
    const args = file.endsWith('.ts') ? ['--import', tsx, file] : [file];
    this.#process = spawn(process.execPath, args, { cwd: project.path, env: { ...process.env, ...env } });
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

  /** Resolves with the result, once the program has ended by itself. */
  async end() {
    assert.is(await this.url(), undefined, 'it asks for nothing more');
    await this.#closed;
    return { code: this.#process.exitCode, lines: this.#lines, errors: await this.#errors };
  }

  [Symbol.dispose](): void {
    this.#process.kill('SIGKILL');
  }
}

/** Runs a program with a user who answers each URL in turn. */
async function run(name: Name, as: AuthorizationServer, answers: readonly Button[], env = {}) {
  using program = new Program(name, { ...env, ISSUER: as.issuer, CLIENT_ID: as.clients.notes.id });
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
  assert.match(page.html, button === 'Allow' ? 'Authentication successful' : 'Sign-in cancelled');
}

/** Returns the URL that an authorization server would redirect the browser to. */
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
