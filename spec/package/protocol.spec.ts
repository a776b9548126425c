/** PROTOCOL.md and asyncapi.json against the code. Each check of the document is shown to fail over a weakened one. */
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Parser } from '@asyncapi/parser';
import { asyncApi, bounds } from '../../tools/asyncapi.ts';
import { clockFrom } from '../../src/base/clock.ts';
import { requireStrong } from '../../src/base/validate.ts';
import { readBridgeOptions } from '../../src/bridge/options.ts';
import { Connection } from '../../src/client/connection.ts';
import { connect } from '../../src/client/host.ts';
import { proofOf } from '../../src/client/secrets.ts';
import type { TransportHandlers } from '../../src/client/transport.ts';
import { closeCodes, readClientMessage, serviceMessage } from '../../src/wire/protocol.ts';
import * as assert from '../helpers/assert.ts';
import { newKey, token } from '../helpers/bridge.ts';
import { virtualTime } from '../helpers/clock.ts';
import {
  examplesIn,
  faultsOf,
  messagesOf,
  plain,
  protocolPage,
  sectionsOf,
  tableWith,
  typeValues,
  under,
  type Direction,
} from '../helpers/protocol-page.ts';
import { newState } from '../helpers/server.ts';
import { suite } from '../helpers/suite.ts';
import { Types } from '../helpers/vocabulary.ts';
import { differences, holding, longLines } from '../helpers/weakened-page.ts';

const read = (file: string): string => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
const { version } = JSON.parse(read('package.json')) as { version: string };
const directions: readonly Direction[] = ['service', 'client'];

const test = suite('protocol of the bridge');

const holds = holding(test, 'PROTOCOL.md', protocolPage);

test('asyncapi.json is what the schemas say', () => {
  assert.is(read('asyncapi.json'), `${JSON.stringify(asyncApi(version), undefined, 2)}\n`);
});

async function problems(document: object): Promise<string[]> {
  const diagnostics = await new Parser().validate(JSON.stringify(document));
  return diagnostics.filter(({ severity }) => [0, 1].includes(severity)).map(({ message }) => message);
}

test('asyncapi.json is valid for the parser of AsyncAPI', async () => {
  assert.equal(await problems(asyncApi(version)), []);
});

test('the parser of AsyncAPI sees a reference to nothing', async () => {
  const broken = JSON.stringify(asyncApi(version)).replace('/components/messages/begin"', '/components/x"');
  assert.ok((await problems(JSON.parse(broken) as object)).length > 0);
});

test('asyncapi.json has the bounds of members that exist', () => {
  const known = new Map(directions.flatMap((direction) => [...messagesOf(direction)]));
  for (const [type, members] of Object.entries(bounds)) {
    const names = known.get(type)?.map(([path]) => path.replace('?', ''));
    for (const member of Object.keys(members)) assert.ok(names?.includes(member), `${type}.${member}`);
  }
});

holds(
  'has a section for each message of the schemas, with its direction',
  (page) =>
    directions.flatMap((direction) => {
      const sections = sectionsOf(page, direction);
      return [
        ...differences(
          `messages to the ${direction}`,
          sections.map(({ type }) => type),
          [...messagesOf(direction).keys()],
        ),
        ...sections.flatMap((section) =>
          section.direction === direction
            ? []
            : [`${section.type} does not say that it is to the ${direction}`],
        ),
      ];
    }),
  ['### `cancel`', '### `stop`', /to the service: cancel is missing/],
  ['### `pending`', '### `waiting`', /to the client: waiting is not in the code/],
  ['To the client, for an `ack`.', 'To the service.', /acknowledged does not say/],
);

holds(
  'has each member of each message, with its type, and which may be left out',
  (page) =>
    directions.flatMap((direction) =>
      sectionsOf(page, direction).flatMap(({ type, text }) => {
        const { columns, rows } = tableWith(text, 'Member');
        assert.equal(columns, ['Member', 'Type', 'Bound', 'Meaning'], type);
        const documented = rows.map(([member, kind]) => `${plain(member)} ${plain(kind)}`);
        const real = (messagesOf(direction).get(type) ?? []).map((member) => member.join(' '));
        return differences(type, documented, real);
      }),
    ),
  ['| `proof`  ', '| `prove`  ', /resume: proof bytes32 is missing/],
  ['| `ttl?`  ', '| `ttl`   ', /begin: ttl\? number is missing/],
  ['| `outcome.url?`', '| `outcome.uri?`', /settle: outcome\.uri\? text is not in the code/],
  ['`"invalid_option"`, `"state_in_use"`', '`"state_in_use"`', /failed: code .* is missing/],
  ['| `flowIds` | `ids`', '| `flowIds` | `id` ', /ack: flowIds ids is missing/],
);

/** Words in the table of types that say which values the type takes. */
const bound: Readonly<Record<string, string>> = {
  id: '1 to 64 letters, digits, `_` and `-`',
  bytes32: '43 letters, digits, `_` and `-`',
  text: 'bounded by the size of the message only',
  integer: 'without a fraction, from 0 to 2⁵³ − 1',
  positive: '`integer` that is not 0',
  number: 'Number',
};

holds(
  'has each type that a member has, and says what it takes',
  (page) => {
    const { rows } = tableWith(under(page, 'Messages'), 'Type');
    const types = new Map(rows.map(([name, value]) => [plain(name), value!]));
    const used = directions.flatMap((direction) => [...messagesOf(direction).values()].flat());
    const names = new Set(used.map(([, type]) => type).filter((type) => !type.startsWith('"')));
    return [
      ...differences('types', [...types.keys()].sort(), [...names].sort()),
      ...Object.keys(typeValues).flatMap((name) =>
        types.get(name)?.includes(bound[name]!) ? [] : [`${name} does not say ${bound[name]}`],
      ),
    ];
  },
  ['| `flag` ', '| `bool` ', /types: flag is missing/],
  ['1 to 64 letters', '1 to 99 letters', /id does not say/],
);

holds(
  'has examples that the schemas accept, of each message',
  (page) =>
    directions.flatMap((direction) =>
      sectionsOf(page, direction).flatMap(({ type, examples }) => {
        const wrong = examples.filter((example) => (example as { type: string }).type !== type);
        return [
          ...(examples.length === 0 ? [`${type} has no example`] : []),
          ...wrong.map((example) => `${type} has an example of ${JSON.stringify(example)}`),
          ...examples.flatMap((example) => faultsOf(direction, example)),
        ];
      }),
    ),
  ['"since": 17', '"from": 17', /watch has no member from/],
  ['"ref": 1,', '"ref": "1",', /Expected number/],
  ['```json\n{ "type": "pong" }', '```text\n{ "type": "pong" }', /pong has no example/],
  ['{ "type": "leave" }', '{ "type": "ping" }', /leave has an example of/],
);

holds(
  'has no example outside the sections of messages',
  (page) => {
    const inSections = directions.flatMap((direction) =>
      sectionsOf(page, direction).flatMap(({ examples }) => examples),
    );
    return inSections.length === examplesIn(page).length ? [] : ['there are other examples'];
  },
  ['## Versions\n', '## Versions\n\n```json\n{}\n```\n', /there are other examples/],
);

holds(
  'has the close codes of the code, and no others',
  (page) => {
    const codes = Object.values(closeCodes).map(String);
    const { rows } = tableWith(under(page, 'Close codes'), 'Code');
    const mentioned = [...page.matchAll(/\b(?:1[0-4]\d\d|4\d{3})\b(?!,| ms)/g)].map(([code]) => code);
    // Reported by libraries, never sent.
    const known = [...codes, '1006', '4648'];
    return [
      ...differences(
        'close codes',
        rows.map(([code]) => code!),
        codes,
      ),
      ...mentioned.filter((code) => !known.includes(code)).map((code) => `${code} is no close code`),
    ];
  },
  ['| 4429 | The', '| 4430 | The', /close codes: 4429 is missing/],
  ['| close 1013', '| close 1014', /1014 is no close code/],
);

/** Codes of `failed`, by the schema. */
const failures = serviceMessage.options
  .flatMap((option) => ('code' in option.entries ? [option.entries.code.options] : []))
  .flat();

holds(
  'has the codes of failed, and no others',
  (page) => {
    const section = sectionsOf(page, 'client').find(({ type }) => type === 'failed');
    const documented = tableWith(section?.text ?? '', 'Code').rows.map(([code]) => plain(code));
    const mentioned = [...page.matchAll(/`failed` `(\w+)`/g)].map(([, code]) => code!);
    return [
      ...differences('failed', [...documented].sort(), [...failures].sort()),
      ...mentioned.filter((code) => !failures.includes(code as never)).map((code) => `no code ${code}`),
    ];
  },
  ['| `unknown_flow`   |', '| `no_flow`        |', /failed: unknown_flow is missing/],
  ['`failed` `state_in_use`', '`failed` `in_use`', /no code in_use/],
);

holds(
  'has the limits of the bridge, with their defaults',
  (page) => {
    const { limits } = readBridgeOptions({ token });
    const options = tableWith(under(page, 'Limits'), 'Limit of').rows.map(
      ([, value = '', option]) => `${plain(option)} ${value.replaceAll(',', '')}`,
    );
    const real = Object.entries(limits).map(([name, value]) => `limits.${name} ${value}`);
    // The size of a message, the number of its fragments and the share of flows are no options.
    const fixed = [' 16384', ' 1024', ' half', 'limits.connectionsPerName half'];
    return differences('limits', options.sort(), [...real, ...fixed].sort());
  },
  ['| 500        | `limits.burst`', '| 600        | `limits.burst`', /limits\.burst 500 is missing/],
);

const types = new Types();

holds(
  'has the events of the library, with their members',
  (page) => {
    const section = sectionsOf(page, 'client').find(({ type }) => type === 'event');
    const rows = tableWith(section?.text ?? '', '`event.type`').rows.map(
      ([type, members]) => `${plain(type)}: ${plain(members)}`,
    );
    const ofEach = ['type', 'at', 'tenant'];
    const real = Object.entries(types.variants('src/index.ts', 'ServerEvent')).map(
      ([type, members]) => `${type}: ${members.filter((member) => !ofEach.includes(member)).join(', ')}`,
    );
    const listed = (start: string): string[] => {
      const [, list = ''] =
        new RegExp(`^- ${start} is one of (.*?)\\.$`, 'ms').exec(section?.text ?? '') ?? [];
      return [...list.matchAll(/`(\w+)`/g)].map(([, name]) => name!).sort();
    };
    return [
      ...differences('events', rows.sort(), real.sort()),
      ...differences('dispositions', listed('`disposition`'), types.literals('src/index.ts', 'Disposition')),
      ...differences(
        'reasons',
        listed('`reason` of a redirect'),
        types.literals('src/index.ts', 'RefusalReason'),
      ),
    ];
  },
  ['| `listening`  |', '| `started`    |', /events: listening: redirectUri is missing/],
  ['`late`, ', '', /dispositions: late is missing/],
  ['`prefetch`', '`prerender`', /reasons: prerender is not in the code/],
);

holds(
  'has test vectors that hold, for the client and by hand',
  async (page) => {
    const { rows } = tableWith(under(page, 'Test vectors'), '`key`');
    assert.ok(rows.length > 1, 'there are not enough vectors');
    const complaints: string[] = [];
    for (const [key, nonce, proof] of rows.map((row) => row.map(plain)) as [string, string, string][]) {
      const hmac = createHmac('sha256', Buffer.from(key, 'base64url')).update(nonce).digest('base64url');
      if (proof !== hmac || proof !== (await proofOf(key, nonce))) complaints.push(`${proof} does not hold`);
    }
    return complaints;
  },
  ['`WKmJlMEAT8', '`WKmJlMEAT9', /WKmJlMEAT9\S+ does not hold/],
  ['| `Zmh6rf', '| `Amh6rf', /_dSeQs\S+ does not hold/],
);

holds(
  'has examples that fit each other: one flow, one connection',
  async (page) => {
    const all = examplesIn(page) as Record<string, string>[];
    const [begin, resume, welcome] = ['begin', 'resume', 'welcome'].map((type) =>
      all.find((example) => example['type'] === type)!,
    );
    requireStrong(begin!['state']!);
    const proof = await proofOf(begin!['key']!, welcome!['nonce']!);
    const ids = all.flatMap(({ flowId, flowIds }) => flowId ?? flowIds ?? []).flat();
    return [
      ...(resume!['proof'] === proof ? [] : ['the proof of resume does not fit']),
      ...(resume!['state'] === begin!['state'] ? [] : ['the state of resume is another one']),
      ...(new Set(ids).size === 1 ? [] : [`there are several flows: ${ids.join()}`]),
    ];
  },
  ['"nonce": "N0nce', '"nonce": "Nonce', /the proof of resume does not fit/],
  ['{ "type": "cancel", "flowId": "sK3q" }', '{ "type": "cancel", "flowId": "x" }', /several flows/],
);

/** Says when a client comes back after its connection has ended so, again and again. */
async function comesBack(code: number, status?: number): Promise<string> {
  const attempts = async (renews: boolean): Promise<number> => {
    const { scheduler, advance } = virtualTime();
    const pass = async (): Promise<void> => {
      advance(1_000);
      // An attempt asks for its credential first.
      await new Promise(setImmediate);
    };
    const opened: TransportHandlers[] = [];
    const connection = new Connection({
      url: 'ws://127.0.0.1/bridge',
      credential: () => 'c',
      reconnects: true,
      renews,
      clock: clockFrom(scheduler),
      report: () => undefined,
      open: (_url, _credential, handlers) => {
        opened.push(handlers);
        return { send: () => undefined, close: () => undefined };
      },
      onWelcome: () => undefined,
      onMessage: () => undefined,
      onLost: () => undefined,
    });
    await new Promise(setImmediate);
    const welcome = examplesIn(protocolPage).find((each) => (each as { type: string }).type === 'welcome');
    opened[0]!.message(JSON.stringify(welcome));
    // A status is that of a later attempt: the first one is not repeated.
    if (status !== undefined) {
      opened[0]!.closed(1012);
      while (opened.length === 1) await pass();
    }
    let times = 0;
    for (let before = 0; before < opened.length && times < 10; times++) {
      before = opened.length;
      opened.at(-1)!.closed(code, status);
      for (let passed = 0; passed < 60 && opened.length === before; passed++) await pass();
    }
    void connection.close({});
    return times - 1;
  };
  const times = await attempts(false);
  if (times > 0)
    return times < 9
      ? `yes, ${['', 'once', 'twice', 'three times', 'four times'][times]}`
      : 'yes, after a while';
  return (await attempts(true)) > 0 ? 'only with another credential' : 'no';
}

holds(
  'says after which close codes and statuses a client comes back, as the client of this package does',
  async (page) => {
    const complaints: string[] = [];
    for (const [heading, column] of [
      ['Close codes', 'Code'],
      ['Handshake', 'Status'],
    ] as const) {
      for (const [number, , says] of tableWith(under(page, heading), column).rows) {
        const real = await (column === 'Code' ? comesBack(Number(number)) : comesBack(1006, Number(number)));
        if (says !== real) complaints.push(`${number!}: ${says!}, and really ${real}`);
      }
    }
    for (const code of [1006, 1014, 4000, 4499]) {
      const real = await comesBack(code);
      if (real !== 'yes, after a while') complaints.push(`${code}: really ${real}`);
    }
    return complaints;
  },
  ['| 1013 | More', '| 1009 | More', /1009: yes, after a while, and really no/],
);

holds('has one sentence a line, none too long', (page) => longLines(page, 28), [
  'There is no answer.\n',
  'There is no answer. ',
  /more than one sentence: There is no answer\. Pages/,
]);

test('a line of too many words is found', () => {
  assert.equal(longLines('# A heading of words\n\nToo many words.\nFew words.\n', 2), [
    '3 words: Too many words.',
  ]);
});

holds(
  'calls nothing a secret beside the key: who knows the key can prove',
  (page) => (/secret/i.test(page) ? ['it speaks of a secret'] : []),
  ['32 random bytes that prove ownership of the flow', 'the SHA-256 of a secret', /speaks of a secret/],
);

holds(
  'has a client in at most 40 lines of pseudocode, with the codes that the tables say',
  (page) => {
    const [, code = ''] = /^```text\n(.*?)^```$/ms.exec(under(page, 'A client in pseudocode')) ?? [];
    const finals = (heading: string, column: string): string[] =>
      tableWith(under(page, heading), column)
        .rows.filter(([, , says]) => says !== 'yes, after a while')
        .map(([number]) => number!);
    const stops = [...code.matchAll(/stop if(.*)/g)].map(([line]) => line).join();
    return [
      ...(code.split('\n').length <= 41 ? [] : ['it is longer']),
      ...differences(
        'final',
        [...stops.matchAll(/\d+/g)].map(([number]) => number).sort(),
        [...finals('Close codes', 'Code'), ...finals('Handshake', 'Status')].sort(),
      ),
    ];
  },
  ['1009, 4401', '1009', /final: 4401 is missing/],
);

/** A client over a service that sends what the body says. */
async function withService(
  body: (service: {
    send: (message: object) => void;
    heard: Record<string, unknown>[];
    reported: unknown[];
    host: Awaited<ReturnType<typeof connect>>;
  }) => Promise<void>,
): Promise<void> {
  let handlers: TransportHandlers | undefined;
  const heard: Record<string, unknown>[] = [];
  const reported: unknown[] = [];
  const connecting = connect(
    'ws://127.0.0.1/bridge',
    { token, report: (error) => reported.push(error) },
    (_url, _token, given) => {
      handlers = given;
      return { send: (text) => heard.push(JSON.parse(text) as never), close: () => given.closed(1000) };
    },
  );
  await new Promise(setImmediate);
  const send = (message: object): void => handlers?.message(JSON.stringify(message));
  const [welcome] = examplesIn(protocolPage).filter((each) => (each as { type: string }).type === 'welcome');
  send({ ...(welcome as object), roles: ['listener', 'monitor', 'auditor'], later: 1 });
  const host = await connecting;
  try {
    await body({ send, heard, reported, host });
  } finally {
    await host.close();
  }
}

test('the client accepts what PROTOCOL.md lets a later service add: a role, a member, a message, an event, a code', () =>
  withService(async ({ send, heard, reported, host }) => {
    const events: unknown[] = [];
    host.events.subscribe((event) => events.push(event));
    const begun = host.begin();
    while (!heard.some(({ type }) => type === 'begin')) await new Promise(setImmediate);
    const ref = heard.find(({ type }) => type === 'begin')!['ref'];
    send({ type: 'quota', left: 3 });
    send({
      type: 'begun',
      ref,
      flowId: 'f',
      redirectUri: 'http://127.0.0.1/',
      expiresAt: Date.now() + 1e6,
      later: 1,
    });
    assert.is((await begun).id, 'f');
    send({ type: 'watching', epoch: 'e', next: 0, counts: {}, reasons: {}, later: {} });
    send({ type: 'event', n: 0, event: { type: 'throttled', at: 1, disposition: 'later', reason: 'later' } });
    assert.equal(events, [{ type: 'throttled', at: 1, disposition: 'later', reason: 'later' }]);
    const failing = host.begin();
    while (heard.filter(({ type }) => type === 'begin').length < 2) await new Promise(setImmediate);
    send({
      type: 'failed',
      ref: heard.findLast(({ type }) => type === 'begin')!['ref'],
      code: 'paused',
      message: 'm',
    });
    await assert.rejects(failing, 'closed');
    assert.equal(reported, []);
  }));

test('the service ignores members that it does not know, and rejects a message that it does not know', () => {
  const ping = { type: 'ping', later: 1 };
  assert.equal(readClientMessage(JSON.stringify(ping)), { type: 'ping' });
  const begin = { type: 'begin', ref: 1, state: newState(), key: newKey() };
  assert.equal(readClientMessage(JSON.stringify({ ...begin, later: 1 })), begin);
  assert.equal(readClientMessage('{"type":"later"}'), { type: 'invalid', reason: 'type is unknown' });
});

const bytes32 = 'must be 43 letters, digits, "_" and "-", without padding';
const ids = 'must be 1 to 64 letters, digits, "_" and "-"';
const resume = { type: 'resume', ref: 1, flowId: 'f', state: 's', proof: 'x'.repeat(43) };

for (const [frame, reason] of [
  ['{"type":"begin","ref":-1,"state":"s","key":"k"}', 'begin.ref must be a whole number from 0 to 2^53 - 1'],
  [{ ...resume, proof: `${'x'.repeat(43)}=` }, `resume.proof ${bytes32}`],
  [{ ...resume, proof: 1 }, 'resume.proof must be string'],
  [{ ...resume, flowId: 'a b' }, `resume.flowId ${ids}`],
  [{ ...resume, state: undefined }, 'resume.state is missing'],
  [{ ...resume, ref: 1.5 }, 'resume.ref must be a whole number from 0 to 2^53 - 1'],
  ['{"type":"ack","flowIds":[""]}', `ack.flowIds.0 ${ids}`],
  ['{"type":"ack","flowIds":["ok","../x"]}', `ack.flowIds.1 ${ids}`],
  ['{"type":"ack","flowIds":[]}', 'ack.flowIds must have an id'],
  [{ type: 'ack', flowIds: Array.from({ length: 201 }, () => 'x') }, 'ack.flowIds must have at most 200 ids'],
  ['{"type":"ack"}', 'ack.flowIds is missing'],
  ['{"type":"cancel","flowId":""}', `cancel.flowId ${ids}`],
  ['{"type":"settle","flowId":"f"}', 'settle.outcome is missing'],
  ['{"type":"settle","flowId":"f","outcome":{"status":"done"}}', 'settle.outcome.status is unknown'],
  ['{"type":"settle","flowId":"f","outcome":{"status":"failure"}}', 'settle.outcome.message is missing'],
  [
    '{"type":"settle","flowId":"f","outcome":{"status":"redirect","url":1}}',
    'settle.outcome.url must be string',
  ],
  ['{"type":"watch","since":-1}', 'watch.since must be a whole number from 0 to 2^53 - 1'],
  ['{"__proto__":{"type":"leave"}}', 'type is missing'],
  ['{"type":"toString"}', 'type is unknown'],
  ['{}', 'type is missing'],
  ['[]', 'type is missing'],
  ['null', 'a message must be a JSON object'],
  ['"leave"', 'a message must be a JSON object'],
  ['{', 'a message must be JSON'],
] as const) {
  const text = typeof frame === 'string' ? frame : JSON.stringify(frame);
  test(`W11 says what is wrong with ${text.slice(0, 80)}`, () => {
    assert.equal(readClientMessage(text), { type: 'invalid', reason });
    // The bound of RFC 6455, section 5.5, on the reason of a close.
    assert.ok(Buffer.byteLength(reason) <= 123);
  });
}

for (const [option, member, message] of [
  ['ttl', '"ttl":"x"', 'must be number'],
  ['responseMode', '"responseMode":"fragment"', 'must be ("query" | "form_post")'],
  ['requireIssuer', '"requireIssuer":1', 'must be boolean'],
  ['key', '"state":"s"', 'is missing'],
] as const) {
  test(`K-04 says what is wrong with ${option} of a begin, without its value`, () => {
    const key = option === 'key' ? '' : `"key":"${'k'.repeat(43)}",`;
    const read = readClientMessage(`{"type":"begin","ref":7,${key}"state":"s",${member}}`);
    assert.equal(read, { type: 'bad', ref: 7, option, message });
  });
}

test.run();
