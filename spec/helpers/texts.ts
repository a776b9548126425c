import type { Language, Texts } from '../../src/page/texts.ts';
import { Pages, type PagesOptions } from '../../src/page/answers.ts';
import * as words from '../../src/page/words.ts';

/** Texts of all languages. */
export const texts = Object.fromEntries(
  Object.entries(words.translations).map(([language, translation]) => [language, translation.texts]),
) as Record<Language, Texts>;

/** Pages as a server that listens has them. */
export function pagesOf(options: Partial<PagesOptions> = {}): Pages {
  const pages = new Pages({
    title: 'title',
    language: 'auto',
    extraHeaders: [],
    report: (error) => {
      throw error as Error;
    },
    ...options,
  });
  pages.learn(words);
  return pages;
}
