import { concat, concatMap, connect, firstValueFrom, map, merge, switchMap, type Observable } from 'rxjs';
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
import { openTokenFile } from './open-token-file.ts';
import { connectionNotices } from './connection-notice.ts';
import { openReceiver } from './receiver.ts';
import { Progress } from './progress.ts';
import { refreshed } from './refreshed.ts';
import type { TokenFile } from './save.ts';
import { isReusable, savedTokens, textOf } from './saved.ts';
import { asFlag, readLogin, type LoginFlags, type LoginSettings } from './settings.ts';

/** Signs in, and writes the tokens. Throws `CommandError`, or an error of the library. */
export async function login(flags: LoginFlags, io: Io): Promise<void> {
  const settings = readLogin(flags, io.env);
  const progress = new Progress(io);
  const { save, signIn: given } = settings;
  // Another command may be signing in for as long as this one may.
  const file = save === undefined ? undefined : await openTokenFile(save, given.timeout, io);
  try {
    const saved = savedTokens(settings, file?.text);
    if (saved && isReusable(saved, settings)) {
      progress.reused(saved, settings.save);
      return;
    }
    await file?.requireReplaceable();
    const work = concat(
      refreshed(saved, settings, progress).pipe(
        finishing(io),
        map((tokens) => ({ tokens, isRefreshed: true })),
      ),
      merge(prompted(settings, io, progress), interrupted(io)).pipe(
        map((tokens) => ({ tokens, isRefreshed: false })),
      ),
    );
    const { tokens, isRefreshed } = await firstValueFrom(work);
    const text = textOf(tokens, settings);
    if (file) await saveOrPrint(file, text, io);
    else io.stdout.write(text);
    if (isRefreshed) progress.refreshed(tokens.issuer);
    else progress.signedIn(tokens.issuer);
  } catch (error) {
    throw error instanceof FlowExpiredError
      ? new CommandError(meanings.expired, exitCodes.expired)
      : asFlag(error);
  } finally {
    progress.stop();
    await file?.close();
  }
}

/** Saves the tokens; prints them if the file can no longer be written, so that they are not lost. */
async function saveOrPrint(file: TokenFile, text: string, io: Io): Promise<void> {
  try {
    await file.replace(text);
  } catch (error) {
    io.stdout.write(text);
    throw new CommandError(`${(error as Error).message}; the tokens are on standard output`);
  }
}

function prompted(settings: LoginSettings, io: Io, progress: Progress): Observable<Tokens> {
  return openReceiver(settings).pipe(
    switchMap((receiver) => {
      const prompter = new Prompter(io, progress, receiver, settings);
      return signIn({ ...settings.signIn, host: receiver.host }).pipe(
        concatMap((event) => prompter.show(event)),
        connect((events) =>
          merge(events, prompter.submitPasted(events), connectionNotices(receiver, progress)),
        ),
        tokensOf(),
      );
    }),
  );
}
