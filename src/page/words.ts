/**
 * Sentences of the pages, the choice among languages, and the streamed page: what a server loads when it starts.
 *
 * Programs that only import the package do not load it. All languages are one module, because a page is written without
 * waiting and its language is known only then. Nothing of it imports a module of the core, which would then be split.
 */
export { chooseLanguage } from './choose-language.ts';
export { kinds } from './kinds.ts';
export { streamed } from './streamed.ts';
export { translations } from './translations.ts';
