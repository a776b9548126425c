/** The check of English, on small texts: it finds comments, and it can fail. */
import { commentsOf } from '../../tools/comments.ts';
import { beginnings, englishOf, isWithinBounds, sum } from '../../tools/english.ts';
import * as assert from '../helpers/assert.ts';
import { suite } from '../helpers/suite.ts';

const test = suite('English of comments');

/** The prose of each comment, without white space around it and between its lines. */
function prose(text: string, file = 'a.ts'): string[] {
  return commentsOf(file, text).map((comment) => comment.text.trim().replace(/\s+/g, ' '));
}

function lines(count: number, line: string): string {
  return `${line}\n\n`.repeat(count);
}

test('finds comments before, beside, between and after code, and counts lines from 1', () => {
  const text = '/** First. */\nconst a = 1; // Second.\nf(/* Third. */);\n{\n  // Fourth.\n}\n// Fifth.';
  assert.equal(prose(text), ['First.', 'Second.', 'Third.', 'Fourth.', 'Fifth.']);
  assert.equal(
    commentsOf('a.ts', text).map(({ line }) => line),
    [1, 2, 3, 5, 7],
  );
});

test('takes no string, template or regular expression for a comment', () => {
  const text = 'const a = ["// no", \'/* no */\', `// no ${1 /* Yes. */} // no`, /[/]/* 2, /\\/\\/ no/];';
  assert.equal(prose(text), ['Yes.']);
});

test('joins line comments that follow each other, but not what stands beside code or after an empty line', () => {
  const text =
    '// Begins\n// and goes on.\n\n// Another.\nconst a = 1; // Beside code.\n// Below.\n/* Block. */';
  assert.equal(prose(text), ['Begins and goes on.', 'Another.', 'Beside code.', 'Below.', 'Block.']);
});

test('leaves out directives, shebangs, licences and examples', () => {
  const text = [
    '#!/usr/bin/env node',
    '/*! Who owns this. */',
    '/** @license Who owns this. */',
    '// Before.',
    '// eslint-disable-next-line no-console -- So it is.',
    '// After.',
    'call();',
    '/**',
    ' * Has examples.',
    ' *',
    ' * ```ts',
    ' * // Where it is.',
    ' * ```',
    ' *',
    ' * @example',
    ' * // Where it is.',
    ' * call();',
    ' * @param a Address of `where`.',
    ' */',
    '// @ts-expect-error Must fail.',
  ].join('\n');
  assert.equal(prose(text), ['Before.', 'After.', 'Has examples. @param a Address of code.', 'Must fail.']);
});

test('finds comments in JavaScript and Python', () => {
  assert.equal(prose('// One.\nexport default {};', 'a.mjs'), ['One.']);
  const python =
    '#!/usr/bin/python3\n"""Module.\n\nMore."""\na = "# no"\nb = 1  # Beside.\n# Two\n# lines.\n';
  assert.equal(prose(python, 'a.py'), ['Module. More.', 'Beside.', 'Two lines.']);
  assert.equal(
    commentsOf('a.py', python).map(({ line }) => line),
    [2, 6, 7],
  );
});

for (const word of beginnings) {
  test(`finds a comment that begins with ${word}, in each form`, () => {
    const texts = [
      `/** ${word} it is. */`,
      `/**\n * ${word} it is.\n */`,
      `// ${word.toLowerCase()} it is`,
      `//(${word} it is.)`,
      `/* ${word}: it is. */`,
      `/** ${word}\n * it is. */`,
    ];
    assert.equal(
      texts.map((text) => englishOf('a.ts', text).begun.length),
      texts.map(() => 1),
    );
    const others = [`/** It is ${word}. */`, `// ${word}ish.`, `/** Tells.\n * ${word} it is. */`];
    assert.equal(
      others.map((text) => englishOf('a.ts', text).begun.length),
      [0, 0, 0],
    );
    assert.not.ok(isWithinBounds(englishOf('a.ts', texts[0]!)));
  });
}

test('finds each "where", and no other word with it', () => {
  const english = englishOf(
    'a.ts',
    '/** Tells where.\n * Nowhere, elsewhere, wherever.\n * Where, where. */',
  );
  assert.equal(
    english.wheres.map(({ line }) => line),
    [1, 3, 3],
  );
});

test('allows one beginning in a hundred comments, and no more', () => {
  const ninetyNine = lines(99, '// Tells.');
  assert.ok(isWithinBounds(englishOf('a.ts', `${ninetyNine}// What is told.`)));
  assert.not.ok(isWithinBounds(englishOf('a.ts', `${lines(98, '// Tells.')}// What is told.`)));
  assert.not.ok(isWithinBounds(englishOf('a.ts', `${ninetyNine}// What is told.\n\n// Of it.`)));
});

test('allows one "where" in a thousand words, and no more', () => {
  const words = (count: number): string => `// ${'word '.repeat(count)}`;
  assert.ok(isWithinBounds(englishOf('a.ts', `${words(999)} where`)));
  assert.not.ok(isWithinBounds(englishOf('a.ts', `${words(998)} where`)));
  assert.not.ok(isWithinBounds(englishOf('a.ts', `${words(1_998)} where where where`)));
});

test('adds the counts of files', () => {
  const whole = sum(englishOf('a.ts', '// What is this.'), englishOf('b.ts', '// Tells where.'));
  assert.equal([whole.comments, whole.words, whole.begun.length, whole.wheres.length], [2, 5, 1, 1]);
});

test.run();
