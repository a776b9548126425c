/**
 * A command in one file: `npx esbuild examples/one-file.ts --bundle --platform=node --format=cjs --outfile=sign-in.cjs`, and then
 * `node sign-in.cjs https://as.example/authorize my-cli` on any machine that has Node, without `node_modules`.
 */
import { firstValueFrom } from 'rxjs';
import { createOAuthCallbackServer, orThrow } from '../src/index.ts';

const [endpoint = '', clientId = ''] = process.argv.slice(2);

async function main(): Promise<void> {
  const server = createOAuthCallbackServer();
  await server.listen();
  try {
    const flow = await server.begin();
    console.log('Open', flow.authorizationUrl(endpoint, { client_id: clientId }).href);
    const { code } = await firstValueFrom(flow.response.pipe(orThrow()));
    console.log('Signed in, with a code of', code?.length, 'characters');
  } finally {
    await server.close();
  }
}

main().catch((error: unknown) => {
  console.error('Not signed in:', (error as Error).message);
  process.exitCode = 1;
});
