import fc from 'fast-check';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { basics, languages, type Texts } from '../../../src/page/texts.ts';
import { chooseLanguage } from '../../../src/page/choose-language.ts';
import { translations } from '../../../src/page/translations.ts';
import { equal, is, not, ok } from '../../helpers/assert.ts';
import { suite } from '../../helpers/suite.ts';
import { texts } from '../../helpers/texts.ts';

const test = suite('texts');
const names = Object.keys(texts.en) as (keyof Texts)[];
/** Number of places for values, of the texts that have any. */
const places: Partial<Record<keyof Texts, number>> = { connected: 1, consent: 2 };

/** Returns what is wrong with the names of the sentences of a language, compared with the English ones. */
function flawsOf(of: object): string[] {
  const found = Object.keys(of);
  return [
    ...names.filter((name) => !found.includes(name)).map((name) => `lacks ${name}`),
    ...found
      .filter((name) => !(names as string[]).includes(name))
      .map((name) => `has ${name}, which no page has`),
  ];
}

test('are there in sixteen languages, one of which is written from right to left', () => {
  const codes = 'en de fr es pt-PT pt-BR it nl pl ru tr ar ja ko zh-Hans zh-Hant'.split(' ');
  equal(languages, codes);
  equal(
    languages.filter((language) => translations[language].direction === 'rtl'),
    ['ar'],
  );
});

test('say of each language if a native speaker has read it: not yet', () => {
  for (const language of languages) is(translations[language].readByNativeSpeaker, false, language);
});

test('of each language are a file of its own', () => {
  const folder = join(import.meta.dirname, '../../../src/page/languages');
  equal(readdirSync(folder).sort(), languages.map((language) => `${language}.ts`).sort());
});

test('that are missing, and that no page has, are found', () => {
  const { close, ...rest } = texts.de;
  ok(close);
  equal(flawsOf(rest), ['lacks close']);
  equal(flawsOf({ ...texts.de, clsoe: close }), ['has clsoe, which no page has']);
  equal(flawsOf(texts.de), []);
});

test('of createCallbackHtml are those of the pages', () => {
  for (const [name, text] of Object.entries(basics)) is(text, texts.en[name as keyof Texts]);
});

for (const language of languages.filter((each) => each !== 'en')) {
  test(`all differ from the English ones in ${language}`, () => {
    for (const name of names) is.not(texts[language][name], texts.en[name], name);
  });
}

for (const language of languages) {
  test(`are complete and ready for HTML in ${language}`, () => {
    equal(flawsOf(texts[language]), []);
    for (const name of names) {
      const text = texts[language][name];
      is(text, text.trim(), name);
      ok(text.length > (name === 'proceed' ? 1 : 3), name);
      not.match(text, /[<>&"']/);
      // Only texts that show a value have a place for one.
      is(text.split('{}').length - 1, places[name] ?? 0, name);
      is(text.replaceAll('{}', '').match(/[{}]/), null, name);
    }
  });

  test(`tell each page from every other in ${language}`, () => {
    const { success, cancelled, failure, inactive, waiting, headTooLarge, unavailable } = texts[language];
    const { notSignedIn, finishing, otherBrowser, typeCode, consentTitle } = texts[language];
    const refused = [
      otherBrowser,
      typeCode,
      consentTitle,
      cancelled,
      notSignedIn,
      failure,
      inactive,
      headTooLarge,
      unavailable,
    ];
    const headlines = [success, finishing, waiting, ...refused];
    is(new Set(headlines).size, headlines.length);
  });
}

const choosing = suite('chooseLanguage');

const chosen: readonly (readonly [header: string, language: string])[] = [
  ['', 'en'],
  ['de', 'de'],
  ['DE', 'de'],
  ['de-AT', 'de'],
  ['pt-BR,pt;q=0.9,en;q=0.8', 'pt-BR'],
  ['pt-PT', 'pt-PT'],
  // Without a region, Portuguese is Brazilian; that of another region is European.
  ['pt', 'pt-BR'],
  ['pt-Latn-BR', 'pt-BR'],
  ['PT-AO', 'pt-PT'],
  ['pt-PT;q=0.5, pt-BR;q=0.6', 'pt-BR'],
  // The script decides, then the region.
  ['zh', 'zh-Hans'],
  ['zh-CN, nl;q=0.9', 'zh-Hans'],
  ['zh-SG', 'zh-Hans'],
  ['zh-TW', 'zh-Hant'],
  ['zh-HK,zh;q=0.9', 'zh-Hant'],
  ['zh-MO', 'zh-Hant'],
  ['zh-Hant', 'zh-Hant'],
  ['zh-Hant-CN', 'zh-Hant'],
  ['zh-Hans-TW', 'zh-Hans'],
  ['zh-HANT-HK', 'zh-Hant'],
  ['zhx, zh_TW', 'en'],
  ['ar-EG', 'ar'],
  ['ko-KR', 'ko'],
  ['it-CH', 'it'],
  ['nl-BE', 'nl'],
  ['ru-UA', 'ru'],
  ['pl', 'pl'],
  ['tr-CY', 'tr'],
  ['en-GB,en;q=0.9,de;q=0.8', 'en'],
  ['fr;q=0.2, es;q=0.9, de;q=0.5', 'es'],
  ['fr;q=0.2,es;q=0.2', 'fr'],
  ['de;q=0.9,ja', 'ja'],
  ['ja ; q=0.3 , fr ; q=0.4', 'fr'],
  ['de;level=1;q=0.1, fr;q=0.2', 'fr'],
  // Not acceptable at all.
  ['de;q=0', 'en'],
  ['de;q=0.0, fr;q=0.001', 'fr'],
  // Known to nobody here, or to nobody.
  ['sv-SE, cy;q=0.9', 'en'],
  ['sv-SE, cy;q=0.9, es;q=0.1', 'es'],
  ['*', 'en'],
  ['*, de;q=0.5', 'de'],
  ['deutsch', 'en'],
  ['den', 'en'],
  ['i-de', 'en'],
  ['__proto__, constructor;q=0.9, toString', 'en'],
  // Malformed weights count for nothing, and harm nothing.
  ['de;q=', 'en'],
  ['de;q=high, fr;q=0.1', 'fr'],
  ['de;q=NaN', 'en'],
  ['de;q=-1', 'en'],
  ['de;q=1.5, fr;q=0.1', 'fr'],
  ['de;q=1.001, fr;q=1.000', 'fr'],
  ['de;q=0.1234, fr;q=0.1', 'fr'],
  ['de;q=Infinity, fr;q=0.1', 'fr'],
  ['de;q=0x1, fr;q=0.1', 'fr'],
  ['de;q=1e0, fr;q=0.1', 'fr'],
  ['de;q=.9, fr;q=0.1', 'fr'],
  ['de;q, fr;q=0.1', 'fr'],
  ['de;q = 1, fr;q=0.1', 'fr'],
  ['de;Q=0.2, fr;q=0.1', 'de'],
  ['de;q=1., fr;q=0.9', 'de'],
  // The first weight of a range counts.
  ['de;q=0.1;q=1, fr;q=0.2', 'fr'],
  // English is where nothing fits, even if the browser would rather have none.
  ['en;q=0, *;q=0.5', 'en'],
  [',,;;q=1,;', 'en'],
  ['<script>', 'en'],
];

for (const [header, language] of chosen) {
  choosing(`answers "${header}" in ${language}`, () => {
    is(chooseLanguage(header), language);
  });
}

/** A weight as browsers and strangers write it, and what it is worth in thousandths. */
const weights = fc.oneof(
  fc.constant(['', 1_000] as const),
  fc.integer({ min: 0, max: 1_000 }).map((worth) => [`;q=${(worth / 1_000).toFixed(3)}`, worth] as const),
  fc.integer({ min: 0, max: 10 }).map((worth) => [` ; Q=${worth / 10}`, worth * 100] as const),
  fc
    .oneof(
      fc.integer({ min: 1_001 }).map((n) => n / 1_000),
      fc.integer({ max: -1 }),
    )
    .map(odd),
  fc.string().filter(hasNoNumber).map(odd),
);

choosing('takes the first of the ranges with the highest weight, for any weights', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.constantFrom('de', 'fr', 'ja', 'sv', '*', 'xx-YY'), weights)),
      (ranges) => {
        const known = ranges.filter(([tag, [, worth]]) => /^(?:de|fr|ja)$/.test(tag) && worth > 0);
        const most = Math.max(...known.map(([, [, worth]]) => worth));
        const expected = known.find(([, [, worth]]) => worth === most)?.[0] ?? 'en';
        is(chooseLanguage(ranges.map(([tag, [weight]]) => tag + weight).join(', ')), expected);
      },
    ),
  );
});

function odd(weight: unknown): readonly [string, number] {
  return [`;q=${String(weight)}`, 0];
}

/** Tells if a text is one parameter and no number. */
function hasNoNumber(text: string): boolean {
  return !/[,;\d]/.test(text);
}

test.run();
choosing.run();
