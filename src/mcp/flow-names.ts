import type { BeginOptions } from '../model/flow.ts';

// As `begin` has them.
const maxLabel = 100;
const maxServerUrl = 2_048;

/** Returns the names of a sign-in for people: the label that events have, and the server that the page names. */
export function flowNamesOf(server: string): Pick<BeginOptions, 'label' | 'serverUrl'> {
  return {
    label: new URL(server).host.slice(0, maxLabel),
    ...(server.length <= maxServerUrl && { serverUrl: server }),
  };
}
