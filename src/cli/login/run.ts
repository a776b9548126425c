import {
  concat,
  concatMap,
  connect,
  firstValueFrom,
  map,
  merge,
  of,
  switchMap,
  take,
  type Observable,
} from 'rxjs';
import { FlowExpiredError } from '../../model/errors.ts';
import { tokens as tokensOf } from '../../login/operators.ts';
import { signIn } from '../../login/sign-in.ts';
import type { Tokens } from '../../login/tokens.ts';
import { CommandError } from '../errors.ts';
import { exitCodes, meanings } from '../exit-codes.ts';
import type { Io } from '../io.ts';
import { Prompter } from './prompter.ts';
import { finishing } from './finishing.ts';
import { interrupted } from './interrupted.ts';
import { exposureWarning, openTokenFile } from './open-token-file.ts';
import { connectionNotices } from './connection-notice.ts';
import { openReceiver } from './receiver.ts';
import { Progress } from './progress.ts';
import { refreshed } from './refreshed.ts';
import { saving } from './saving.ts';
import { isReusable, savedTokens } from './saved.ts';
import { readLogin, type LoginFlags, type LoginSettings } from './settings.ts';

/** Signs in, and writes the tokens. Throws `CommandError`, or an error of the library. */
export async function login(flags: LoginFlags, io: Io): Promise<void> {
  const given = readLogin(flags, io.env);
  const progress = new Progress(io);
  const { save } = given;
  // Another command may be signing in for as long as this one may.
  const file =
    save === undefined
      ? undefined
      : await openTokenFile(save, given.signIn.timeout, io, { onExposed: exposureWarning(save, io) });
  try {
    const settings = await completed(given, io, progress);
    const saved = savedTokens(settings, file?.text);
    if (saved && isReusable(saved, settings)) {
      progress.reused(saved, settings.save);
      return;
    }
    await file?.requireReplaceable();
    const save = saving(file);
    const work = concat(
      refreshed(saved, settings, progress).pipe(
        save,
        finishing(io),
        map((received) => ({ ...received, isRefreshed: true })),
      ),
      merge(prompted(settings, io, progress), interrupted(io)).pipe(
        take(1),
        // A signal is handled from the first moment to the last.
        concatMap((tokens) => of(tokens).pipe(save, finishing(io))),
        map((received) => ({ ...received, isRefreshed: false })),
      ),
    );
    const { tokens, text, unsaved, isRefreshed } = await firstValueFrom(work);
    if (!file || unsaved) io.stdout.write(text);
    if (unsaved) throw new CommandError(`${unsaved.message}; the tokens are on standard output`);
    if (isRefreshed) progress.refreshed(tokens.issuer);
    else progress.signedIn(tokens.issuer);
  } catch (error) {
    throw error instanceof FlowExpiredError
      ? new CommandError(meanings.expired, exitCodes.expired)
      : given.blame(error);
  } finally {
    progress.stop();
    await file?.close();
  }
}

/** Resolves with the settings and what an MCP server adds to them. */
async function completed(given: LoginSettings, io: Io, progress: Progress): Promise<LoginSettings> {
  if (given.mcp === undefined) return given;
  const { askMcpServer } = await import('./mcp-server.ts');
  return firstValueFrom(merge(askMcpServer(given.mcp, given, progress), interrupted(io)));
}

function prompted(settings: LoginSettings, io: Io, progress: Progress): Observable<Tokens> {
  return openReceiver(settings).pipe(
    switchMap((receiver) => {
      const prompter = new Prompter(io, progress, receiver, settings);
      const { host } = receiver;
      return signIn({ ...settings.signIn, ...(host && { host }) }).pipe(
        concatMap((event) => prompter.show(event)),
        connect((events) =>
          merge(events, prompter.submitPasted(events), connectionNotices(receiver, progress)),
        ),
        tokensOf(),
      );
    }),
  );
}
