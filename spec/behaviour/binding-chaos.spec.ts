/** `npm run chaos -- binding`: a stranger who has the links of sign-ins, and cookies of sign-ins of their own. */
import { createOAuthCallbackServer, type CallbackResponse } from '../../src/index.ts';
import { equal, is } from '../helpers/assert.ts';
import { chaosCount, chaosDeadline } from '../helpers/chaos.ts';
import { complains } from '../helpers/complains.ts';
import { withServer, type Create } from '../helpers/endpoint.ts';
import { Crowd, navigation } from '../helpers/http.ts';
import { Browser, endpointUrl, publicUrl } from '../helpers/starting.ts';
import { suite } from '../helpers/suite.ts';
import { edit, weakenedModule } from '../helpers/weakened.ts';

const test = suite('attempts of strangers');
const count = chaosCount(10_000);
const flowsAtOnce = 20;

/** Each attempt brings a response to a flow of somebody else, without a cookie or with one of the stranger's own flows. */
async function delivers(attempts: number, create: Create = createOAuthCallbackServer): Promise<void> {
  await withServer(
    { publicUrl, limits: { unmatched: 1_000_000, unmatchedPerSecond: 1_000_000 } },
    async ({ server, port }) => {
      using crowd = new Crowd();
      const delivered: CallbackResponse[] = [];
      const flows = await Promise.all(Array.from({ length: flowsAtOnce }, () => server.begin()));
      const owners = flows.map(() => new Browser(port));
      for (const [index, flow] of flows.entries()) {
        flow.response.subscribe((response) => delivered.push(response));
        await owners[index]!.start(flow.authorizationUrl(endpointUrl));
      }
      const stranger = new Browser(port);
      for (let index = 0; index < 5; index++)
        await stranger.start((await server.begin()).authorizationUrl(endpointUrl));
      // Also a value of the stranger's own under the name of each owner's cookie.
      const [, own = ''] = stranger.cookies[0]!.split('=');
      const cookiesFor = (index: number): readonly (string | undefined)[] => [
        undefined,
        stranger.cookies.join('; '),
        `${owners[index]!.cookies[0]!.split('=')[0]!}=${own}`,
        owners[(index + 1) % flowsAtOnce]!.cookies.join('; '),
      ];
      const statuses = new Map<number, number>();
      await Promise.all(
        Array.from({ length: attempts }, async (_, attempt) => {
          const index = attempt % flowsAtOnce;
          const cookie = cookiesFor(index)[Math.floor(attempt / flowsAtOnce) % 4];
          const headers = {
            Host: 'sign-in.example',
            ...navigation,
            ...(cookie !== undefined && { Cookie: cookie }),
          };
          const url = `http://127.0.0.1:${port}/callback?code=stolen-${attempt}&state=${flows[index]!.state}`;
          const status = await crowd.status(url, { headers });
          statuses.set(status, (statuses.get(status) ?? 0) + 1);
        }),
      );
      is(delivered.length, 0, `${delivered.length} delivered`);
      equal([...statuses], [[403, attempts]]);
      for (const [index, flow] of flows.entries()) is((await owners[index]!.arrive(flow)).status, 200);
      is(delivered.length, flowsAtOnce);
    },
    create,
  );
}

test(`deliver none of ${count.toLocaleString('en')} responses`, () => delivers(count), {
  deadline: chaosDeadline(60_000),
});

test('deliver at a server that does not compare browsers', async () => {
  const { createOAuthCallbackServer: create } = (await weakenedModule(
    'index.ts',
    edit(`return browserFits(expected, arrival) ? undefined : 'wrong_browser';`, `return undefined;`),
  )) as { createOAuthCallbackServer: Create };
  await complains(() => delivers(100, create), /20 delivered/);
});
test.run();
