import { stripVTControlCharacters } from 'node:util';
import { ok } from './assert.ts';

/** Rejects unless the check fails, and fails for the reason it must fail for. */
export async function complains(check: () => Promise<void>, complaint: RegExp): Promise<void> {
  // Whatever the check throws is looked at here; a failed assertion is what is hoped for.
  const failure = await (async () => check())().then(
    () => undefined,
    (error: unknown) => error as Error & { details?: string | false },
  );
  ok(failure, 'the check passes');
  const said = `${failure.constructor.name}: ${failure.message}\n${failure.details || ''}`;
  const plain = stripVTControlCharacters(said);
  ok(complaint.test(plain), `its complaint is another: ${plain}`);
}
