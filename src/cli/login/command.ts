import { concat, concatMap, connect, firstValueFrom, merge, switchMap, type Observable } from 'rxjs';
import { FlowExpiredError } from '../../errors.ts';
import { tokens } from '../../login/operators.ts';
import { signIn } from '../../login/sign-in.ts';
import type { Tokens } from '../../login/tokens.ts';
import { CommandError } from '../errors.ts';
import { exitCodes, meanings } from '../exit-codes.ts';
import type { Io } from '../io.ts';
import { Attendant } from './attendant.ts';
import { interrupted } from './interrupted.ts';
import { linkTold } from './link.ts';
import { openPlace } from './place.ts';
import { Progress } from './progress.ts';
import { refreshed } from './refreshed.ts';
import { requireSavable, save } from './save.ts';
import { asFlag, readLogin, type LoginFlags, type LoginSettings } from './settings.ts';

/** Signs in, and writes the tokens. Throws `CommandError`, or an error of the library. */
export async function login(flags: LoginFlags, io: Io): Promise<void> {
  const settings = readLogin(flags, io.env);
  if (settings.save !== undefined) await requireSavable(settings.save);
  const progress = new Progress(io);
  try {
    const work = concat(refreshed(settings, progress), attended(settings, io, progress));
    const made = await firstValueFrom(merge(work, interrupted(io)));
    const text = `${JSON.stringify(made.toDict(), undefined, 2)}\n`;
    if (settings.save === undefined) io.stdout.write(text);
    else await saveOrPrint(settings.save, text, io);
    progress.signedIn(made.issuer);
  } catch (error) {
    throw error instanceof FlowExpiredError
      ? new CommandError(meanings.expired, exitCodes.expired)
      : asFlag(error);
  } finally {
    progress.stop();
  }
}

/** What could be saved when the sign-in began: tokens that cannot be saved after all are not lost. */
async function saveOrPrint(file: string, text: string, io: Io): Promise<void> {
  try {
    await save(file, text);
  } catch (error) {
    io.stdout.write(text);
    throw new CommandError(`${(error as Error).message}; the tokens are on standard output`);
  }
}

function attended(settings: LoginSettings, io: Io, progress: Progress): Observable<Tokens> {
  return openPlace(settings).pipe(
    switchMap((place) => {
      const attendant = new Attendant(io, progress, place, settings.browser);
      return signIn({ ...settings.signIn, host: place.host }).pipe(
        concatMap((event) => attendant.attend(event)),
        connect((events) => merge(events, attendant.paste(events), linkTold(place, progress))),
        tokens(),
      );
    }),
  );
}
