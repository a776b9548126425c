import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { lastValueFrom } from 'rxjs';
import type * as Login from '../../../src/login.ts';
import * as assert from '../../helpers/assert.ts';
import { suite } from '../../helpers/suite.ts';

const test = suite('openid-client');

/** Bundles `/login` with code in place of openid-client, as bundlers do for a package that they cannot find. */
async function withBundle(insteadOf: string, body: (login: typeof Login) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'bundle-'));
  try {
    const outfile = join(folder, 'login.mjs');
    await build({
      absWorkingDir: join(import.meta.dirname, '..', '..', '..'),
      entryPoints: ['src/login.ts'],
      outfile,
      bundle: true,
      format: 'esm',
      platform: 'node',
      plugins: [
        {
          name: 'without-openid-client',
          setup: ({ onResolve, onLoad }) => {
            onResolve({ filter: /^openid-client$/ }, ({ path }) => ({ path, namespace: 'missing' }));
            onLoad({ filter: /./, namespace: 'missing' }, () => ({ contents: insteadOf }));
          },
        },
      ],
    });
    await body((await import(pathToFileURL(outfile).href)) as typeof Login);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Code that throws an error with this message and this code, if any, when it is imported. */
const throwing = (message: string, code?: string): string =>
  `throw Object.assign(new Error(${JSON.stringify(message)}), ${JSON.stringify({ code })});\nexport {};`;

for (const [bundler, message, code] of [
  ['webpack', "Cannot find module 'openid-client'", 'MODULE_NOT_FOUND'],
  ['Turbopack', "Cannot find module 'openid-client': Unsupported external type", 'MODULE_NOT_FOUND'],
  ['Node', "Cannot find package 'openid-client' imported from /app/bundle.js", 'ERR_MODULE_NOT_FOUND'],
  ['Vite', 'Could not resolve "openid-client" imported by "rx-oauth-callback". Is it installed?', undefined],
  ['esbuild', 'Dynamic require of "openid-client" is not supported', undefined],
] as const)
  test(`reports a package that is missing in a bundle of ${bundler}`, () =>
    withBundle(throwing(message, code), async ({ MissingPackageError, refresh, signIn, Tokens }) => {
      const issuer = 'https://as.example';
      const event = await lastValueFrom(signIn({ issuer, clientId: 'c' }));
      assert.is(event.type, 'failed');
      const { error } = event as Login.FailedEvent;
      assert.instance(error, MissingPackageError);
      assert.equal(
        [error.code, error.message],
        ['missing_package', 'the package openid-client is required for this; run npm install openid-client'],
      );
      const metadata = { issuer, authorization_endpoint: `${issuer}/a`, token_endpoint: `${issuer}/t` };
      const known = await lastValueFrom(signIn({ issuer, clientId: 'c', metadata }));
      assert.instance((known as Login.FailedEvent).error, MissingPackageError);
      const kept = { issuer, client_id: 'c', access_token: 'a', token_type: 'bearer', refresh_token: 'r' };
      await assert.rejects(lastValueFrom(refresh(Tokens.fromDict(kept))), MissingPackageError);
    }));

test('passes on a defect of openid-client', () =>
  withBundle(throwing('a defect'), async ({ signIn }) => {
    const { message } = await assert.rejects(
      lastValueFrom(signIn({ issuer: 'https://as.example', clientId: 'c' })),
    );
    assert.is(message, 'a defect');
  }));

test.run();
