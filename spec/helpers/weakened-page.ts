/** Checks of a document that are shown to fail over a weakened one. */
import * as assert from './assert.ts';
import type { Test } from './suite.ts';

/** A check of a document returns what it finds wrong. */
export type PageCheck = (page: string) => readonly string[] | Promise<readonly string[]>;

/** A change that the check must notice: a text, the text instead, and what the check then says. */
export type Weakening = readonly [text: string, instead: string, complaint: RegExp];

/** Registers a test of a document, and one for each weakened document. */
export type Holds = (title: string, check: PageCheck, ...weakenings: readonly Weakening[]) => void;

export function holding(test: Test, name: string, page: string): Holds {
  return (title, check, ...weakenings) => {
    test(`${name} ${title}`, async () => {
      assert.equal(await check(page), []);
    });
    for (const [text, instead, complaint] of weakenings) {
      test(`a ${name} with ${JSON.stringify(instead)} for ${JSON.stringify(text)} fails: ${title}`, async () => {
        assert.ok(page.includes(text), `${name} has no ${text}`);
        const complaints = await check(page.replace(text, instead));
        assert.match(complaints.join('\n'), complaint);
      });
    }
  };
}

/** Compares two lists, and says which of their entries only one of them has. */
export function differences(what: string, documented: readonly string[], real: readonly string[]): string[] {
  const missing = real.filter((each) => !documented.includes(each));
  const invented = documented.filter((each) => !real.includes(each));
  const complaints = [
    ...missing.map((each) => `${what}: ${each} is missing`),
    ...invented.map((each) => `${what}: ${each} is not in the code`),
  ];
  if (complaints.length === 0 && documented.join() !== real.join())
    complaints.push(`${what}: the order differs: ${documented.join()}`);
  return complaints;
}

/** Finds lines of prose with more than one sentence, or with a sentence of more than `max` words. */
export function longLines(page: string, max: number): string[] {
  return proseOf(page).flatMap((line) => {
    const ends = line.replace(/`[^`]*`/g, 'x').match(/[.!?](?:\*\*)?(?= [A-Z`])/g) ?? [];
    const words = line.split(' ').length;
    return [
      ...(ends.length === 0 ? [] : [`more than one sentence: ${line}`]),
      ...(words <= max ? [] : [`${words} words: ${line}`]),
    ];
  });
}

/** Lines of prose: no heading, table or code. */
function proseOf(page: string): string[] {
  return page
    .replace(/^```.*?^```$/gms, '')
    .split('\n')
    .filter((line) => line !== '' && !/^[#|]/.test(line));
}
