import { createOAuthCallbackServer } from '../../src/index.ts';
import { createBridge } from '../../src/bridge/server.ts';
import type { CreateBridge } from '../helpers/bridge.ts';
import type { Create } from '../helpers/endpoint.ts';
import { suite } from '../helpers/suite.ts';

/** One requirement and how to see from outside whether a server meets it. */
export interface Row<C = Create> {
  /** As in the requirements: `A-01`. Several rows may share an id; each must hold. */
  id: string;
  /** What the server does, in the present tense. */
  title: string;
  /** Rejects where what is made by `create` does not meet the row. */
  check: (create: C) => Promise<void>;
  /** Milliseconds, where 20 s are too few. */
  deadline?: number;
}

/** One requirement on a bridge. */
export type BridgeRow = Row<CreateBridge>;

/** A suite with one test for each row, against the real server. */
export function prove(group: string, rows: readonly Row[]): void {
  proveWith(createOAuthCallbackServer, group, rows);
}

/** The same against the real bridge. */
export function proveBridge(group: string, rows: readonly BridgeRow[]): void {
  proveWith(createBridge, group, rows);
}

function proveWith<C>(create: C, group: string, rows: readonly Row<C>[]): void {
  const test = suite(group);
  for (const { id, title, check, deadline } of rows) {
    test(`${id} ${title}`, () => check(create), deadline === undefined ? {} : { deadline });
  }
  test.run();
}
