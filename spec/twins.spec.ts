/** For each weakened server of twins.ts: the check that proves the row for the real one rejects it, and says why. */
import { readFileSync } from 'node:fs';
import { rows as a } from './conformance/a.ts';
import { rows as b } from './conformance/b.ts';
import { rows as c } from './conformance/c.ts';
import { rows as d } from './conformance/d.ts';
import { rows as e } from './conformance/e.ts';
import { rows as f } from './conformance/f.ts';
import { rows as g } from './conformance/g.ts';
import { rows as h } from './conformance/h.ts';
import { rows as i } from './conformance/i.ts';
import { rows as j } from './conformance/j.ts';
import { rows as k } from './conformance/k.ts';
import type { BridgeRow, Row } from './conformance/row.ts';
import { is, match, rejects } from './helpers/assert.ts';
import { complains } from './helpers/complains.ts';
import { withServer } from './helpers/endpoint.ts';
import { suite } from './helpers/suite.ts';
import { weakened, weakenedBridge } from './helpers/weakened.ts';
import { bridgeTwins } from './bridge-twins.ts';
import { twins, type Twin } from './twins.ts';

const rows = [a, b, c, d, e, f, g, h, i].flat();
const bridgeRows = [j, k].flat();

const test = suite('twins');

for (const twin of twins) {
  test(`${twin.id} sees a server that ${twin.weakness}`, async () => {
    const { check } = rowOf(twin, rows);
    const create = await weakened(...twin.edits);
    await complains(() => check(create), twin.complaint);
  });
}

for (const twin of bridgeTwins) {
  test(`${twin.id} sees a bridge that ${twin.weakness}`, async () => {
    const { check } = rowOf(twin, bridgeRows);
    const create = await weakenedBridge(...twin.edits);
    await complains(() => check(create), twin.complaint);
  });
}

// Its errors and streams are those of the real server, or a check would reject it for being another program.
test(
  'a twin without a weakness passes every row that a twin stands for',
  async () => {
    const everywhere = ['flows.ts', 'flow.ts', 'options.ts', 'server.ts', 'redirect.ts', 'handler.ts'];
    const create = await weakened(
      ...everywhere.map((file) => ({ file, find: firstLine(file), replace: `${firstLine(file)}\n` })),
    );
    for (const row of new Set(twins.map((twin) => rowOf(twin, rows)))) await row.check(create);
  },
  { deadline: 120_000 },
);

test(
  'a twin of the bridge without a weakness passes every row that a twin stands for',
  async () => {
    const everywhere = [
      'credentials.ts',
      'gate.ts',
      'handshake.ts',
      'session.ts',
      'listener.ts',
      'server.ts',
    ];
    const files = everywhere.map((file) => `bridge/${file}`);
    const create = await weakenedBridge(
      ...files.map((file) => ({ file, find: firstLine(file), replace: `${firstLine(file)}\n` })),
    );
    for (const row of new Set(bridgeTwins.map((twin) => rowOf(twin, bridgeRows)))) await row.check(create);
  },
  { deadline: 120_000 },
);

test('an edit that does not apply, or not once, is an error', async () => {
  const edits = { missing: 'no such words', ambiguous: 'headers' };
  for (const find of Object.values(edits)) {
    const error = await rejects(weakened({ file: 'request.ts', find, replace: 'x' }));
    match(error.message, 'src/request.ts has');
  }
  await rejects(weakened({ file: 'no-such-file.ts', find: 'x', replace: 'y' }), 'ENOENT');
});

test('a twin is another server than the real one', async () => {
  const create = await weakened({ file: 'pkce.ts', find: 'bytes = 32', replace: 'bytes = 8' });
  const state = await withServer({}, async ({ server }) => (await server.begin()).state, create);
  is(state.length, 11);
});

/** Unlike any other, so that an edit of it does not change a thing. */
function firstLine(file: string): string {
  const [first = ''] = readFileSync(new URL(`../src/${file}`, import.meta.url), 'utf8').split('\n', 1);
  return first;
}

function rowOf<R extends Row | BridgeRow>({ id, title }: Twin, among: readonly R[]): R {
  const found = among.filter((row) => row.id === id && row.title.startsWith(title));
  is(found.length, 1, `${found.length} rows are ${id} and begin with "${title}"`);
  return found[0]!;
}

test.run();
