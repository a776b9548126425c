/** `npm run asyncapi > asyncapi.json`: the document that is published. */
import { readFileSync } from 'node:fs';
import { asyncApi } from '../../src/bridge/asyncapi.ts';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};
console.log(JSON.stringify(asyncApi(version), undefined, 2));
