/** The chaos programs: specs whose length depends on who runs them. */

/** Paths below spec/ of the programs that `npm run chaos -- NAME` runs at full count, by name. */
export const chaosPrograms: Readonly<Record<string, string>> = {
  cluster: 'behaviour/cluster/chaos.spec.ts',
  'mcp-servers': 'behaviour/mcp/servers.spec.ts',
  'broken-network': 'behaviour/client/broken-network.spec.ts',
  resuming: 'behaviour/client/resuming.spec.ts',
  'monitor-page': 'behaviour/monitor/long-tasks.spec.ts',
  'event-stream': 'behaviour/bridge/event-stream-chaos.spec.ts',
  'long-poll': 'behaviour/bridge/long-poll-chaos.spec.ts',
  webhook: 'behaviour/bridge/webhook-chaos.spec.ts',
  'mcp-store': 'behaviour/mcp/store-chaos.spec.ts',
  binding: 'behaviour/binding-chaos.spec.ts',
  share: 'behaviour/share/chaos.spec.ts',
  restart: 'behaviour/restart-chaos.spec.ts',
};

/** Returns the full count in `npm run chaos`, and a twentieth of it in the suite. */
export function chaosCount(full: number): number {
  return isFull() ? full : full / 20;
}

/** Returns the deadline of a chaos program in ms, given the one that is enough for a twentieth of its count. */
export function chaosDeadline(ofTwentieth: number): number {
  return isFull() ? ofTwentieth * 20 : ofTwentieth;
}

/** Tells if a chaos program runs at its full count. */
export function isFull(): boolean {
  return process.env['CHAOS'] === 'full';
}
