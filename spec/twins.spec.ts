import { createOAuthCallbackServer } from '../src/index.ts';
import { rows as a } from './conformance/a.ts';
import { rows as b } from './conformance/b.ts';
import { rows as c } from './conformance/c.ts';
import { rows as d } from './conformance/d.ts';
import { rows as f } from './conformance/f.ts';
import { rows as g } from './conformance/g.ts';
import { rows as h } from './conformance/h.ts';
import type { Row } from './conformance/row.ts';
import * as assert from './helpers/assert.ts';
import { suite } from './helpers/suite.ts';
import { weakened, type Edit } from './helpers/weakened.ts';

/** A server without one of its checks, and the row that must notice. */
interface Twin {
  id: string;
  /** How the row's title begins. */
  title: string;
  without: string;
  edits: readonly Edit[];
}

const edit = (file: string, find: string, replace = ''): Edit => ({ file, find, replace });

const twins: readonly Twin[] = [
  {
    id: 'A-01',
    title: 'refuses a query',
    without: 'takes the last of two parameters',
    edits: [edit('redirect.ts', "if (name in fields) reason = 'repeated_parameter';\n    else ")],
  },
  {
    id: 'A-06',
    title: 'refuses a state or a code',
    without: 'lets a code have any character',
    edits: [edit('redirect.ts', '(code && !visible.test(code)) || ')],
  },
  {
    id: 'A-07',
    title: "constrains a provider's texts",
    without: 'lets control characters into an error',
    edits: [edit('redirect.ts', '/[^\\x20-\\x21\\x23-\\x5b\\x5d-\\x7e]+/g', '/(?!)/g')],
  },
  {
    id: 'A-08',
    title: 'releases no code',
    without: 'leaves the code in an error response',
    edits: [
      edit('redirect.ts', '        error: error.replace(', '        code,\n        error: error.replace('),
    ],
  },
  {
    id: 'A-11',
    title: 'refuses tokens',
    without: 'ignores tokens of the front channel',
    edits: [
      edit('redirect.ts', "if (fields['access_token'] || fields['id_token']) return 'front_channel_token';"),
    ],
  },
  {
    id: 'B-02',
    title: 'refuses a thousand states',
    without: 'gives a response of an unknown state to the first flow',
    edits: [
      edit(
        'flows.ts',
        "const { state = '' } = fields;\n    const flow = this.#live.get(state);",
        "const { state = '' } = fields;\n    const flow = this.#live.get(state) ?? [...this.#live.values()][0];",
      ),
    ],
  },
  {
    id: 'B-03',
    title: 'refuses a response without state',
    without: 'lets an error without state end a flow',
    edits: [edit('options.ts', "errorWithoutState: 'ignore' as", "errorWithoutState: 'end-only-flow' as")],
  },
  {
    id: 'B-04',
    title: 'uses a state up with the first',
    without: 'forgets which states are used, and accepts what nobody waits for',
    edits: [
      edit('flows.ts', "    this.remember(flow.state, 'duplicate');\n"),
      edit(
        'server.ts',
        "this.#settings.unmatched === 'accept' && reason === undefined",
        'reason === undefined',
      ),
    ],
  },
  {
    id: 'B-06',
    title: 'refuses a redirect that is late',
    without: 'trusts the timer with expiry',
    edits: [edit('flows.ts', 'if (flow.deadline <= this.now()) {', 'if (flow.deadline < 0) {')],
  },
  {
    id: 'B-09',
    title: 'registers no state twice',
    without: 'lets a second flow take a pending state',
    edits: [
      edit(
        'flows.ts',
        "if (this.#live.has(state)) throw new StateInUseError('another pending flow has this state');",
      ),
    ],
  },
  {
    id: 'C-02',
    title: 'refuses a response of another issuer',
    without: 'does not look at iss',
    edits: [
      edit(
        'expectation.ts',
        "expected.issuer && !issuerFits(expected.issuer, iss) ? 'wrong_issuer' : undefined",
        'undefined',
      ),
    ],
  },
  {
    id: 'C-03',
    title: 'compares issuers as strings',
    without: 'normalises issuers before it compares them',
    edits: [
      edit(
        'expectation.ts',
        'issuers.includes(iss) &&',
        'issuers.some((each) => new URL(each).href === new URL(iss).href) &&',
      ),
    ],
  },
  {
    id: 'C-04',
    title: 'refuses a response without iss',
    without: 'takes a missing iss for the right one',
    edits: [edit('expectation.ts', 'return !advertised && !required;', 'return true;')],
  },
  {
    id: 'C-09',
    title: 'gives each context',
    without: 'does not compare the path with that of the flow',
    edits: [edit('expectation.ts', "if (arrival.path !== expected.path) return 'wrong_redirect_uri';")],
  },
  {
    id: 'D-01',
    title: 'answers HEAD',
    without: 'takes HEAD for GET',
    edits: [edit('handler.ts', ": ['GET'];", ": ['GET', 'HEAD'];")],
  },
  {
    id: 'D-03',
    title: 'refuses a response in another mode',
    without: 'does not pin the response mode',
    edits: [
      edit('expectation.ts', "if (arrival.mode !== expected.responseMode) return 'wrong_response_mode';"),
    ],
  },
  {
    id: 'F-01',
    title: 'answers to its own authorities',
    without: 'answers to any Host',
    edits: [
      edit('server.ts', 'this.#bound?.authorities.has(authority) ?? false', "authority !== ''"),
      edit('server.ts', 'this.#bound?.advertised.has(authority) ?? false', "authority !== ''"),
    ],
  },
  {
    id: 'F-05',
    title: '',
    without: 'takes an image for a navigation',
    edits: [
      edit(
        'request.ts',
        "return dest === 'document' && mode === 'navigate' ? undefined : 'not_navigation';",
        'return undefined;',
      ),
    ],
  },
  {
    id: 'F-06',
    title: 'consumes nothing for a speculative load',
    without: 'takes a prefetch for a navigation',
    edits: [
      edit(
        'request.ts',
        "if (purpose !== undefined && /prefetch|prerender|preview/i.test(purpose)) return 'prefetch';",
      ),
    ],
  },
  {
    id: 'F-07',
    title: 'refuses a GET with an Origin',
    without: 'lets a script of another origin complete a sign-in',
    edits: [
      edit(
        'handler.ts',
        "if (headers.origin !== undefined && !posted) return refuse(403, 'refused', 'foreign_origin');",
      ),
    ],
  },
  {
    id: 'F-14',
    title: 'slows down 10,000 unknown states',
    without: 'slows nobody down',
    edits: [
      edit(
        'endpoint.ts',
        "if (!strays.exceeds(request.socket.remoteAddress ?? '', clock.now())) return handled;",
        'if (strays.most > 0) return handled;',
      ),
    ],
  },
  {
    id: 'G-01',
    title: 'forbids every answer',
    without: 'lets pages be stored',
    edits: [edit('page.ts', "'no-store'", "'max-age=60'")],
  },
  {
    id: 'G-08',
    title: 'shows the description',
    without: 'escapes nothing',
    edits: [
      edit(
        'page.ts',
        'return text.replace(/[&<>"\']/g, (character) => entities[character] as string);',
        'return text;',
      ),
    ],
  },
  {
    id: 'G-13',
    title: 'answers used, unknown',
    without: 'tells a used state from an unknown one',
    edits: [
      edit(
        'handler.ts',
        ': pages.neutral(400, language),\n      redirect:',
        ": pages.neutral(disposition === 'duplicate' ? 409 : 400, language),\n      redirect:",
      ),
    ],
  },
  {
    id: 'H-02',
    title: 'prints responses',
    without: 'prints the code',
    edits: [edit('callback-response.ts', "if (shown.code !== undefined) shown.code = '[redacted]';")],
  },
  {
    id: 'H-04',
    title: 'refuses a flow too many',
    without: 'has no bound on flows',
    edits: [
      edit('flows.ts', 'if (this.#deadlines.size >= this.#options.maxFlows) {', 'if (state === null) {'),
    ],
  },
];

const all: readonly Row[] = [...a, ...b, ...c, ...d, ...f, ...g, ...h];

function rowOf({ id, title }: Twin): Row {
  const row = all.find((each) => each.id === id && each.title.startsWith(title));
  if (!row) throw new Error(`no row ${id} begins with "${title}"`);
  return row;
}

const test = suite('weakened twins');

for (const twin of twins) {
  test(
    `the row notices a server that ${twin.without}`,
    async () => {
      const { check } = rowOf(twin);
      const server = await weakened(twin.edits);
      const failure: unknown = await check(server).then(
        () => undefined,
        (error: unknown) => error,
      );
      assert.ok(failure, `${twin.id} passes all the same`);
      // An assertion of the row, not a twin that does not run.
      const { name, message } = failure as Error;
      assert.ok(failure instanceof assert.Assertion, `${name}: ${message}`);
    },
    { deadline: 60_000 },
  );
}

test('a server that nothing was taken from passes the rows', async () => {
  const { check } = rowOf({ id: 'D-01', title: 'answers HEAD', without: '', edits: [] });
  await check(createOAuthCallbackServer);
  await check(await weakened([]));
});

test('an edit that finds nothing fails loudly', async () => {
  await assert.rejects(weakened([edit('flows.ts', 'not in this file')]));
});

test.run();
