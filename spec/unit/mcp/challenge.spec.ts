import fc from 'fast-check';
import { challengeOf } from '../../../src/mcp/challenge.ts';
import * as assert from '../../helpers/assert.ts';
import { suite } from '../../helpers/suite.ts';

const test = suite('challengeOf');

const read = (header: string): object => challengeOf(new Headers({ 'www-authenticate': header }));

const cases: readonly (readonly [title: string, header: string, challenge: object])[] = [
  ['no parameter', 'Bearer', {}],
  [
    'all parameters',
    'Bearer error="e", scope="a b", resource_metadata="https://x/y"',
    { error: 'e', scope: 'a b', resourceMetadata: 'https://x/y' },
  ],
  ['another case', 'bEARER Error="e", SCOPE="a"', { error: 'e', scope: 'a' }],
  ['values without quotes', 'Bearer error=e, scope=a', { error: 'e', scope: 'a' }],
  ['space around the equals sign', 'Bearer error = "e"', { error: 'e' }],
  ['quoted pairs', String.raw`Bearer error="a\"b\\c"`, { error: String.raw`a"b\c` }],
  [
    'a comma in quotes',
    'Bearer error="a, Basic realm=b", scope="c"',
    { error: 'a, Basic realm=b', scope: 'c' },
  ],
  ['another scheme before it', 'Basic realm="x", error="no", Bearer error="e"', { error: 'e' }],
  ['another scheme after it', 'Bearer error="e", Basic realm="x", scope="no"', { error: 'e' }],
  ['a scheme with token68 before it', 'Negotiate YWJj/+==, Bearer error="e"', { error: 'e' }],
  [
    'two of the scheme: the first value counts',
    'Bearer error="one", Bearer error="two", scope="a"',
    { error: 'one', scope: 'a' },
  ],
  ['an empty scope', 'Bearer scope=""', {}],
  ['empty elements', 'Bearer , , error="e"', { error: 'e' }],
  ['only another scheme', 'Basic realm="x", scope="a"', {}],
  ['unknown parameters', 'Bearer realm="x", __proto__="y", error="e"', { error: 'e' }],
];

for (const [title, header, challenge] of cases)
  test(`reads ${title}`, () => {
    assert.equal(read(header), challenge);
  });

test('reads nothing without a header', () => {
  assert.equal(challengeOf(new Headers()), {});
});

const token = fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/);
const quotable = fc.string({
  unit: fc.constantFrom('a', 'b', ' ', ',', '=', '"', '\\', 'Bearer'),
  maxLength: 20,
});

test('reads what a server has quoted, whatever stands before and after', () => {
  fc.assert(
    fc.property(token, quotable, quotable, (scheme, error, scope) => {
      const quote = (value: string): string => `"${value.replaceAll(/["\\]/g, String.raw`\$&`)}"`;
      const header = `${scheme === 'bearer' ? 'x' : scheme} realm=${quote(scope)}, Bearer error=${quote(error)}, scope=${quote(scope)}`;
      const challenge = challengeOf(new Headers({ 'www-authenticate': header }));
      assert.is(challenge.error, error);
      assert.is(challenge.scope, scope === '' ? undefined : scope);
    }),
  );
});

test('never throws', () => {
  fc.assert(
    fc.property(
      fc.string({
        unit: fc.constantFrom('Bearer', '=', '"', ',', '\\', ' ', '\t', 'x', ';'),
        maxLength: 200,
      }),
      (header) => {
        assert.type(read(header), 'object');
      },
    ),
  );
});

const hostile = ['"', '\\', 'a', ' ', ',', '=', 'a=', 'a="', ', ', '\\"', 'a ', ' =', '"\\'];

/** Returns the shortest of some times that reading takes, in milliseconds. */
function timeOf(header: string): number {
  const headers = new Headers({ 'www-authenticate': header });
  return Math.min(
    ...Array.from({ length: 5 }, () => {
      const start = performance.now();
      challengeOf(headers);
      return performance.now() - start;
    }),
  );
}

for (const part of hostile)
  test(`reads 16 KB of ${JSON.stringify(part)} in linear time`, () => {
    const of = (size: number): string => `Bearer error="${part.repeat(size / part.length)}`;
    // Four times the length takes sixteen times as long if the time is quadratic.
    const [short, long] = [timeOf(of(16_384)), timeOf(of(65_536))];
    assert.ok(long < Math.max(short, 0.5) * 10, `${short} ms, then ${long} ms`);
  });

test.run();
