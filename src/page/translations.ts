import { ar } from './languages/ar.ts';
import { de } from './languages/de.ts';
import { en } from './languages/en.ts';
import { es } from './languages/es.ts';
import { fr } from './languages/fr.ts';
import { it } from './languages/it.ts';
import { ja } from './languages/ja.ts';
import { ko } from './languages/ko.ts';
import { nl } from './languages/nl.ts';
import { pl } from './languages/pl.ts';
import { ptBR } from './languages/pt-BR.ts';
import { ptPT } from './languages/pt-PT.ts';
import { ru } from './languages/ru.ts';
import { tr } from './languages/tr.ts';
import { zhHans } from './languages/zh-Hans.ts';
import { zhHant } from './languages/zh-Hant.ts';
import type { Language, Translation } from './texts.ts';

export const translations: Readonly<Record<Language, Translation>> = {
  en,
  de,
  fr,
  es,
  'pt-PT': ptPT,
  'pt-BR': ptBR,
  it,
  nl,
  pl,
  ru,
  tr,
  ar,
  ja,
  ko,
  'zh-Hans': zhHans,
  'zh-Hant': zhHant,
};
