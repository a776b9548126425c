/** MCP servers at a callback host that binds each sign-in to the browser. */
import { connectCallbackHost } from '../../../src/client.ts';
import { Browser, type Page } from '../../../src/testing/browser.ts';
import type { CallbackHost } from '../../../src/index.ts';
import { mcpAuth } from '../../../src/mcp.ts';
import * as assert from '../../helpers/assert.ts';
import { token, withBridge } from '../../helpers/bridge.ts';
import { complains } from '../../helpers/complains.ts';
import { withServer } from '../../helpers/endpoint.ts';
import { withMcp, type CreateMcpAuth } from '../../helpers/mcp/with-mcp.ts';
import { suite } from '../../helpers/suite.ts';
import { edit, weakenedModule } from '../../helpers/weakened.ts';

const test = suite('mcp: bound sign-ins');

interface Opened {
  readonly url: URL;
  readonly pages: readonly Page[];
}

/** Signs in, and requires that the browser gets to the last page. Resolves with what it has opened. */
async function signsIn(host: CallbackHost, create: CreateMcpAuth = mcpAuth): Promise<Opened> {
  const opened: { url: URL; pages: Page[] }[] = [];
  const stopping = new AbortController();
  let fail: (error: Error) => void = () => undefined;
  const failed = new Promise<never>((_resolve, reject) => {
    fail = reject;
  });
  const visit = async (url: URL): Promise<void> => {
    const browser = new Browser();
    const pages = [await browser.open(url)];
    if (pages[0]!.html.includes('<form method="post"><button>'))
      pages.push(await browser.submit(pages[0]!, 'Continue'));
    opened.push({ url, pages });
    const { status } = pages.at(-1)!;
    if (status !== 200) fail(new Error(`the browser's last page has the status ${status}`));
  };
  const open = (url: URL): void => void visit(url).catch(fail);
  await withMcp({ auth: { host, open }, create }, async (mcp) => {
    try {
      const { status } = await Promise.race([mcp.call({ signal: stopping.signal }), failed]);
      assert.is(status, 200);
    } finally {
      stopping.abort();
    }
  });
  assert.is(opened.length, 1);
  return opened[0]!;
}

const atOwnServer = (create?: CreateMcpAuth): Promise<void> =>
  withServer({ binding: 'cookie' }, async ({ server, redirects }) => {
    const { url } = await signsIn(server, create);
    assert.match(url.pathname, /^\/start\/[\w-]{22}$/);
    assert.equal(
      redirects.map(({ disposition }) => disposition),
      ['accepted'],
    );
  });

test('open the start URL of an own server', () => atOwnServer());

test('are told from those that open the URL of the authorization server', async () => {
  const twin = (await weakenedModule(
    'mcp.ts',
    edit('startUrl: flow.startUrl(url) }', 'startUrl: url }'),
  )) as { mcpAuth: CreateMcpAuth };
  await complains(() => atOwnServer(twin.mcpAuth), /the browser's last page has the status 403/);
});

test('over the bridge ask first', () =>
  withBridge(
    async ({ url }) => {
      await using host = await connectCallbackHost(url, { token });
      const { pages } = await signsIn(host);
      assert.is(pages.length, 2);
      assert.match(pages[0]!.html, /Continue/);
    },
    {},
    { binding: 'cookie' },
  ));

test('refuse a host that asks for a code, which nobody could type in', () =>
  withServer({ binding: 'code' }, ({ server }) =>
    withMcp({ auth: { host: server } }, async (mcp) => {
      const { message } = await assert.rejects(() => mcp.call(), Error);
      assert.match(message, /asks for a code; mcpAuth requires the binding 'cookie' or 'none'/);
      assert.equal(mcp.person.tabs, []);
    }),
  ));

test.run();
