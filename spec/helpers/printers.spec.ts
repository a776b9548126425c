/** The search for printed secrets finds a leak of each single kind, and nothing in an object that has none. */
import { inspect } from 'node:util';
import { equal, is, match, ok, throws } from './assert.ts';
import { leaks, unreadable } from './printers.ts';
import { suite } from './suite.ts';

const secret = 'CANARY-of-a-code/+=';
const secrets = { code: secret };

const test = suite('printers');

/** Keeps its secret, and says so. */
class Safe {
  readonly #code: string = secret;
  readonly type = 'safe';

  get code(): string {
    return this.#code;
  }

  toJSON(): object {
    return { type: this.type, code: '[redacted]' };
  }

  toString(): string {
    return `Safe ${JSON.stringify(this)}`;
  }

  [inspect.custom](): string {
    return this.toString();
  }
}

test('finds nothing in an object that keeps its secrets', () => {
  equal(leaks(new Safe(), secrets), []);
  equal(leaks({ list: [new Safe()], map: new Map([['key', new Safe()]]) }, secrets), []);
  equal(unreadable(new Safe()), []);
});

const hidden = (key: PropertyKey, value: unknown, more?: PropertyDescriptor): object =>
  Object.defineProperty(new Safe(), key, { value, ...more });

class OwnFields extends Safe {
  constructor(readonly owned: unknown) {
    super();
  }
}

/** Of each: what leaks, the value, and a finding that there must be. */
const leaking: readonly (readonly [string, unknown, RegExp])[] = [
  ['an own property', Object.assign(new Safe(), { a: secret }), /^property \.a shows code$/],
  ['a hidden property', hidden('a', secret), /^property \.a shows code$/],
  [
    'a property with a symbol',
    Object.assign(new Safe(), { [Symbol('a')]: secret }),
    /^property \.Symbol\(a\)/,
  ],
  ['the name of a property', Object.assign(new Safe(), { [secret]: 1 }), /^name of property/],
  ['a property of the prototype', Object.create({ a: secret }), /^property \.\[\[Prototype\]\]\.a shows/],
  [
    'a property of the class',
    Object.assign(class Leaking extends Safe {}, { a: secret }),
    /^property \.a shows code$/,
  ],
  [
    'an own getter',
    Object.defineProperty(new Safe(), 'a', { get: () => secret, enumerable: true }),
    /\.a shows/,
  ],
  ['a property of a function', Object.assign(() => 1, { a: secret }), /^property \.a shows code$/],
  ['something deep inside', new OwnFields([{ a: { b: { c: { d: { e: [secret] } } } } }]), /e\.0 shows code$/],
  ['the key of a Map', new OwnFields(new Map([[secret, 1]])), /^property \.owned \(entries\)\.0\.0 shows/],
  ['a Set', new OwnFields(new Set([secret])), /^property \.owned \(entries\)\.0 shows/],
  ['bytes', new OwnFields(Buffer.from(secret)), /^structuredClone shows code$/],
  ['a number for each byte', new OwnFields(new Uint8Array(Buffer.from(secret))), /^inspect, custom/],
  ['a percent-encoded form', new OwnFields(encodeURIComponent(secret)), /^property \.owned shows/],
  ['a base64 form', new OwnFields(Buffer.from(secret).toString('base64')), /^property \.owned shows/],
  ['a part of it', new OwnFields(secret.slice(0, 14)), /^property \.owned shows/],
  ['the message of an error', new Error(`wrong: ${secret}`), /^console\.log shows code$/],
  ['the cause of an error', new Error('wrong', { cause: secret }), /^property \.cause shows code$/],
  ['a URL', new OwnFields(new URL(`https://x.example/?code=${secret}`)), /^JSON\.stringify|^inspect/],
];

for (const [what, value, finding] of leaking) {
  test(`finds ${what}`, () => {
    const found = leaks(value, secrets);
    ok(
      found.some((each) => finding.test(each)),
      `${String(finding)} is not in ${JSON.stringify(found, null, 1)}`,
    );
  });
}

/** Of each method that a printer calls: exactly the printers that show what it returns. */
const methods: readonly (readonly [string, object, readonly string[]])[] = [
  ['toString', { toString: () => secret }, ['template string', 'String', 'concatenation', 'toLocaleString']],
  ['toLocaleString', { toLocaleString: () => secret }, ['toLocaleString']],
  [
    'Symbol.toPrimitive',
    { [Symbol.toPrimitive]: () => secret },
    ['template string', 'String', 'concatenation'],
  ],
  ['toJSON', { toJSON: () => secret }, ['format %j', 'JSON.stringify', 'JSON.stringify of a list']],
  [
    'Symbol.toStringTag',
    { [Symbol.toStringTag]: secret },
    ['Object.prototype.toString', 'inspect, customInspect false'],
  ],
  [
    'inspect',
    { [inspect.custom]: () => secret },
    ['inspect', 'console.log', 'format %o', 'cause of an error', 'uvu equal'],
  ],
];

for (const [name, method, expected] of methods) {
  test(`finds what ${name} returns`, () => {
    class Leaking extends Safe {}
    for (const key of Reflect.ownKeys(method))
      Object.defineProperty(Leaking.prototype, key, { value: Reflect.get(method, key), configurable: true });
    const found = leaks(new Leaking(), secrets);
    equal(
      expected.filter((how) => !found.includes(`${how} shows code`)),
      [],
      found.join('\n'),
    );
  });
}

test('finds what only a hidden table, clone or assertion shows', () => {
  const found = leaks(new OwnFields(secret), secrets);
  for (const how of [
    ...['console.table', 'console.dir, showHidden', 'structuredClone', 'v8.serialize', 'spread'],
    ...['assert.deepStrictEqual of a list', 'uvu equal', 'Object.entries', 'inspect, customInspect false'],
  ])
    ok(found.includes(`${how} shows code`), `${how} is not in\n${found.join('\n')}`);
});

test('names the secret that is shown, and no other', () => {
  const found = leaks(new OwnFields('one-secret-of-two'), {
    one: 'one-secret-of-two',
    other: 'other-secret-of-two',
  });
  ok(found.length > 0);
  is(found.filter((each) => each.endsWith('shows other')).length, 0);
});

test('says which values print as [object Object]', () => {
  const plain = unreadable({ type: 'plain' });
  ok(plain.includes('template string') && plain.includes('String'), plain.join());
  match(unreadable(Object.create(null)).join(), /^$/);
});

test('takes no secret that it could not find', () => {
  throws(() => leaks({}, { short: 'too short' }));
  throws(() => leaks({}, { one: 'the same beginning, 1', other: 'the same beginning, 2' }));
});

test.run();
