/**
 * All sentences of the pages, and the choice among languages.
 *
 * Servers load this when they start, so that programs that only import the package do not. All languages are one module,
 * because a page is written without waiting and its language is known only then.
 */
import { de } from './languages/de.ts';
import { en } from './languages/en.ts';
import { es } from './languages/es.ts';
import { fr } from './languages/fr.ts';
import { ja } from './languages/ja.ts';
import { ptPT } from './languages/pt.ts';
import type { Language, Translation } from './texts.ts';

export const translations: Readonly<Record<Language, Translation>> = { en, de, fr, es, pt: ptPT, ja };

const languages = Object.keys(translations) as readonly Language[];

/** Chooses the best language for an `Accept-Language` header, or English if none matches. @see RFC 9110 section 12.5.4 */
export function chooseLanguage(header: string): Language {
  let best: Language = 'en';
  let bestWeight = 0;
  for (const range of header.split(',')) {
    const [tag = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
    const weight = Number(parameters.find((parameter) => parameter.startsWith('q='))?.slice(2) ?? 1);
    const language = languages.find((each) => tag === each || tag.startsWith(`${each}-`));
    if (language && weight > bestWeight) {
      best = language;
      bestWeight = weight;
    }
  }
  return best;
}
