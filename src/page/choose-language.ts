import { translations } from './translations.ts';
import type { Language } from './texts.ts';

const languages = Object.keys(translations) as readonly Language[];

// Regions that write Chinese with traditional characters.
const traditional: readonly (string | undefined)[] = ['tw', 'hk', 'mo'];

/** Chooses the best language for an `Accept-Language` header, or English if none matches. @see RFC 9110 section 12.5.4 */
export function chooseLanguage(header: string): Language {
  let best: Language = 'en';
  let bestWeight = 0;
  for (const range of header.split(',')) {
    const [tag = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
    const weight = weightOf(parameters);
    const language = languageOf(tag);
    if (language && weight > bestWeight) {
      best = language;
      bestWeight = weight;
    }
  }
  return best;
}

/**
 * Returns the weight among the parameters of a range: 1 if there is none, and 0, which is "not acceptable", if it is no number
 * from 0 to 1 with at most three decimals.
 *
 * @see RFC 9110 section 12.4.2
 */
function weightOf(parameters: readonly string[]): number {
  const weight = parameters.find((parameter) => /^q\s*(=|$)/.test(parameter)) ?? 'q=1';
  return Number(/^q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/.exec(weight)?.[1] ?? 0);
}

/**
 * Returns the language for a tag in lower case.
 *
 * Chinese is told by its script and, if the tag has none, by its region. Portuguese without a region is Brazilian, as in the
 * likely subtags of Unicode CLDR, and that of any region but Brazil is European, as in its parent locales.
 */
function languageOf(tag: string): Language | undefined {
  const [primary, ...subtags] = tag.split('-');
  const region = subtags.find((subtag) => /^[a-z]{2}$/.test(subtag));
  if (primary === 'zh') {
    const script = subtags.find((subtag) => subtag === 'hans' || subtag === 'hant');
    return script === 'hant' || (!script && traditional.includes(region)) ? 'zh-Hant' : 'zh-Hans';
  }
  if (primary === 'pt') return region === undefined || region === 'br' ? 'pt-BR' : 'pt-PT';
  return languages.find((language) => language === primary);
}
