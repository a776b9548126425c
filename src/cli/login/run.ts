import {
  concat,
  concatMap,
  connect,
  firstValueFrom,
  merge,
  switchMap,
  throwError,
  timeout as timeoutAfter,
  type Observable,
} from 'rxjs';
import { FlowExpiredError } from '../../model/errors.ts';
import { abortable } from '../../base/abortable.ts';
import { tokens } from '../../login/operators.ts';
import { signIn } from '../../login/sign-in.ts';
import type { Tokens } from '../../login/tokens.ts';
import { CommandError } from '../errors.ts';
import { exitCodes, meanings } from '../exit-codes.ts';
import type { Io } from '../io.ts';
import { Prompter } from './prompter.ts';
import { interrupted } from './interrupted.ts';
import { connectionNotices } from './connection-notice.ts';
import { openReceiver } from './receiver.ts';
import { Progress } from './progress.ts';
import { refreshed } from './refreshed.ts';
import { TokenFile } from './save.ts';
import { isReusable, savedTokens, textOf } from './saved.ts';
import { asFlag, readLogin, type LoginFlags, type LoginSettings } from './settings.ts';

/** Signs in, and writes the tokens. Throws `CommandError`, or an error of the library. */
export async function login(flags: LoginFlags, io: Io): Promise<void> {
  const settings = readLogin(flags, io.env);
  const progress = new Progress(io);
  const file = await opened(settings, io, progress);
  try {
    const saved = savedTokens(settings, file?.text);
    if (saved && isReusable(saved, settings)) {
      progress.reused(saved, settings.save);
      return;
    }
    await file?.requireReplaceable();
    const work = concat(refreshed(saved, settings, progress), prompted(settings, io, progress));
    const signedIn = await firstValueFrom(merge(work, interrupted(io)));
    const text = textOf(signedIn, settings);
    if (file) await saveOrPrint(file, text, io);
    else io.stdout.write(text);
    progress.signedIn(signedIn.issuer);
  } catch (error) {
    throw error instanceof FlowExpiredError
      ? new CommandError(meanings.expired, exitCodes.expired)
      : asFlag(error);
  } finally {
    progress.stop();
    await file?.close();
  }
}

/** Opens the file of `--save`, once no other command uses it; it may be signing in for as long as this one may. */
async function opened(
  { save, signIn: { timeout } }: LoginSettings,
  io: Io,
  progress: Progress,
): Promise<TokenFile | undefined> {
  if (save === undefined) return undefined;
  const opening = abortable((signal) =>
    TokenFile.open(save, {
      signal,
      onWait: () => progress.say(`Another command is using ${save}; waiting for it to finish.`),
    }),
  );
  const late = (): Observable<never> =>
    throwError(
      () => new CommandError(`--save ${save}: another command is still using it`, exitCodes.expired),
    );
  return firstValueFrom(merge(opening.pipe(timeoutAfter({ first: timeout, with: late })), interrupted(io)));
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
        tokens(),
      );
    }),
  );
}
