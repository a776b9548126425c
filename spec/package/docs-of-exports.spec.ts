/** Every export has documentation that an editor shows, and every function and class an example that compiles. */
import * as assert from '../helpers/assert.ts';
import {
  beginsWithSentence,
  Documentation,
  entriesOfPackage,
  withoutExample,
  withoutSentence,
} from '../helpers/export-docs.ts';
import { suite } from '../helpers/suite.ts';

/** An entry of no package, with every flaw that the checks must find. */
const flawed = `
/** Has an example that compiles. @example import { createOAuthCallbackServer } from 'rx-oauth-callback';
 * export const complete = createOAuthCallbackServer({ port: 0 }); */
export function complete(): void {}
/**
 * Has an example in a fence.
 *
 * @example
 * \`\`\`ts
 * import type { ServerOptions } from 'rx-oauth-callback';
 * const fenced: ServerOptions = {};
 * \`\`\`
 */
export class fenced {}
export function undocumented(): void {}
/** has no capital letter */
export interface Lowercase { readonly a: string }
/** Never ends */
export type Endless = string;
/** Has no example. */
export function unproven(): void {}
/** Has an example of something else. @example const other = 1; */
export function misled(): void {}
/** Has an empty example. @example */
export class Empty {}
/** Has an example with a wrong type.
 * @example
 * import { createOAuthCallbackServer } from 'rx-oauth-callback';
 * createOAuthCallbackServer({ port: 'mistyped' });
 */
export function mistyped(): void {}
/** Has an example that imports nothing. @example unimported(); */
export function unimported(): void {}
/** Has an example of an entry that does not exist. @example import { lost } from 'rx-oauth-callback/lost'; */
export function lost(): void {}
/** Has an example that is no program. @example if (broken */
export function broken(): void {}
/** Has an example that is not strict. @example const lax = [1][0].toFixed(); */
export function lax(): void {}
`;

const specifier = 'flawed';
const documentation = new Documentation(
  { ...entriesOfPackage(), [specifier]: 'src/flawed.ts' },
  { 'src/flawed.ts': flawed },
);
const all = documentation.exports();
const docs = all.filter(({ id }) => !id.startsWith(`${specifier} `));
const made = all.filter(({ id }) => id.startsWith(`${specifier} `));

/** The distinct names in ids of exports. */
function namesIn(ids: readonly string[]): string[] {
  return [...new Set(ids.map((id) => id.replace(/:.*$/s, '').split(' ').at(-1)!))].sort();
}

/** Compiling takes seconds, and a busy machine longer. */
const compiling = { deadline: 300_000 };

const test = suite('documentation of exports');

test('asks for every entry', () => {
  assert.ok(docs.length > 100, `only ${docs.length} exports`);
  const { name, kind } = docs[0]!;
  assert.equal([name, kind], ['createOAuthCallbackServer', 'function']);
});

test('every export begins with a sentence, but for those that are known', () => {
  assert.equal(namesIn(withoutSentence(docs)), []);
});

test('every function and class has an example that names it, but for those that are known', () => {
  assert.equal(namesIn(withoutExample(docs)), []);
});

test('every example compiles', () => assert.equal(documentation.complaints(docs), []), compiling);

test('a missing sentence is found', () => {
  assert.equal(namesIn(withoutSentence(made)), ['Endless', 'Lowercase', 'undocumented']);
  assert.ok(['`a` is.', 'Is it? Yes', "'A' is."].every(beginsWithSentence));
  assert.not.ok(['', 'a b.', '. A.', 'Version 1.2', 'No end\n\nhere.'].some(beginsWithSentence));
});

test('a missing example is found', () => {
  assert.equal(namesIn(withoutExample(made)), ['Empty', 'misled', 'undocumented', 'unproven']);
});

test(
  'an example that does not compile is found',
  () => {
    const complaints = documentation.complaints(made);
    assert.equal(namesIn(complaints), ['broken', 'lax', 'lost', 'mistyped', 'unimported']);
    for (const [name, complaint] of Object.entries({
      broken: "'\\)' expected",
      lax: 'possibly .undefined.',
      lost: "Cannot find module 'rx-oauth-callback/lost'",
      mistyped: "'string' is not assignable to type",
      unimported: "Cannot find name 'unimported'",
    })) {
      assert.match(complaints.join('\n'), new RegExp(`^flawed ${name}: .*${complaint}`, 'm'));
    }
  },
  compiling,
);

test.run();
