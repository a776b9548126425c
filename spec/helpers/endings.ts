/** Each way in which a flow ends, as a monitor is told of it. */
import type { Endpoint } from './endpoint.ts';
import type { VirtualTime } from './clock.ts';

/** Ends flows 1 to 5 of a server with this clock: by code, denied, cancelled twice, expired. Leaves 6 and 7 pending. */
export async function everyEnding(
  { server, visit }: Pick<Endpoint, 'server' | 'visit'>,
  { advance }: VirtualTime,
): Promise<void> {
  const accepted = await server.begin();
  await visit(`/callback?state=${accepted.state}`);
  await visit(`/callback?code=c&state=${accepted.state}`);
  const denied = await server.begin();
  await visit(`/callback?error=access_denied&state=${denied.state}`);
  for (let n = 3; n <= 4; n++) (await server.begin()).cancel();
  await server.begin({ ttl: 5_000 });
  advance(5_000);
  await server.begin();
  await server.begin();
  // Monitors are told each second how many wait: with that they have been told everything.
  advance(1_000);
}

/** Name, flow and detail that are shown for each event, the latest first. */
export const everyRow: readonly string[] = [
  'begun 7 expires in 10 min',
  'begun 6 expires in 10 min',
  'expired 5 after 5.0 s',
  'begun 5 expires in 5.0 s',
  'cancelled 4 after 0 ms',
  'begun 4 expires in 10 min',
  'cancelled 3 after 0 ms',
  'begun 3 expires in 10 min',
  'answered 2 access_denied, after 0 ms',
  'accepted 2',
  'begun 2 expires in 10 min',
  'answered 1 code, after 0 ms',
  'accepted 1',
  'malformed 1 missing code',
  'begun 1 expires in 10 min',
];
