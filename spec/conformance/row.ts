import { createOAuthCallbackServer } from '../../src/index.ts';
import type { Create } from '../helpers/endpoint.ts';
import { suite } from '../helpers/suite.ts';

/** One requirement and how to see from outside whether a server meets it. */
export interface Row {
  /** As in the requirements: `A-01`. Several rows may share an id; each must hold. */
  id: string;
  /** What the server does, in the present tense. */
  title: string;
  /** Rejects where a server made by `create` does not meet the row. */
  check: (create: Create) => Promise<void>;
  /** Milliseconds, where 20 s are too few. */
  deadline?: number;
}

/** A suite with one test for each row, against the real server. */
export function prove(group: string, rows: readonly Row[]): void {
  const test = suite(group);
  for (const { id, title, check, deadline } of rows) {
    test(
      `${id} ${title}`,
      () => check(createOAuthCallbackServer),
      deadline === undefined ? {} : { deadline },
    );
  }
  test.run();
}
