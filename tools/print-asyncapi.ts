/** `npm run asyncapi`: writes the published document to asyncapi.json. */
import { readFileSync } from 'node:fs';
import { asyncApi } from './asyncapi.ts';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};
console.log(JSON.stringify(asyncApi(version), undefined, 2));
