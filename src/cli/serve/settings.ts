import { access } from './settings/access.ts';
import { listening } from './settings/listening.ts';
import { nodes } from './settings/nodes.ts';
import { operation } from './settings/operation.ts';
import { pages } from './settings/pages.ts';
import type { Setting } from './settings/setting.ts';
import { signIns } from './settings/sign-ins.ts';

export { groups, nameOf, variableOf, type Reading, type Setting } from './settings/setting.ts';

/** All that can be set, in the order of the help. */
export const settings: readonly Setting[] = [
  ...listening,
  ...access,
  ...signIns,
  ...nodes,
  ...pages,
  ...operation,
];
