import { english } from '../../src/texts.ts';
import { translations } from '../../src/translations.ts';

/** Those of all languages. */
export const texts = { en: english, ...translations };
