import { basics, languages, type Texts } from '../../../src/page/texts.ts';
import { chooseLanguage } from '../../../src/page/translations.ts';
import { equal, is, not, ok } from '../../helpers/assert.ts';
import { suite } from '../../helpers/suite.ts';
import { texts } from '../../helpers/texts.ts';

const test = suite('texts');
const names = Object.keys(texts.en) as (keyof Texts)[];

test('are there in six languages', () => {
  equal(languages, ['en', 'de', 'fr', 'es', 'pt', 'ja']);
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
    equal(Object.keys(texts[language]), names);
    for (const name of names) {
      const text = texts[language][name];
      is(text, text.trim(), name);
      ok(text.length > 3, name);
      not.match(text, /[<>&"']/);
      // Only texts that show a value have a place for one.
      is(text.split('{}').length - 1, name === 'connected' ? 1 : 0, name);
      is(text.replace('{}', '').match(/[{}]/), null, name);
    }
  });

  test(`tell each page from every other in ${language}`, () => {
    const { success, cancelled, failure, inactive, waiting, headTooLarge, unavailable } = texts[language];
    const headlines = [success, cancelled, failure, inactive, waiting, headTooLarge, unavailable];
    is(new Set(headlines).size, headlines.length);
  });
}

const choosing = suite('chooseLanguage');

const chosen: readonly (readonly [header: string, language: string])[] = [
  ['', 'en'],
  ['de', 'de'],
  ['DE', 'de'],
  ['de-AT', 'de'],
  ['pt-BR,pt;q=0.9,en;q=0.8', 'pt'],
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
  ['zh-CN, nl;q=0.9', 'en'],
  ['zh-CN, nl;q=0.9, es;q=0.1', 'es'],
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
  [',,;;q=1,;', 'en'],
  ['<script>', 'en'],
];

for (const [header, language] of chosen) {
  choosing(`answers "${header}" in ${language}`, () => {
    is(chooseLanguage(header), language);
  });
}

test.run();
choosing.run();
