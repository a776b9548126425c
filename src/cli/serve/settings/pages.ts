import { inGroup } from './setting.ts';

export const pages = inGroup('Pages:', [
  {
    key: 'serverUrl',
    flag: '--server-url <url>',
    reads: 'text',
    what: 'the server being connected, shown on success',
  },
  { key: 'title', flag: '--title <text>', reads: 'text', what: 'title of the pages' },
  {
    key: 'productName',
    flag: '--product-name <text>',
    reads: 'text',
    what: 'who is signing in, at the top of the pages',
  },
  { key: 'logo', flag: '--logo <uri>', reads: 'text', what: 'image, as a data: URI' },
  {
    key: 'language',
    flag: '--language <code>',
    reads: 'text',
    what: 'en, de, fr, es, pt, ja or auto (default: auto)',
  },
  {
    key: 'cleanUrl',
    flag: '--clean-url <how>',
    reads: 'choice',
    what: 'how the code leaves the address bar: script, redirect or false (default: script)',
  },
]);
