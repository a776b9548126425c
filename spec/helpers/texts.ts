import { english } from '../../src/page/texts.ts';
import { translations } from '../../src/page/translations.ts';

/** Texts of all languages. */
export const texts = { en: english, ...translations };
