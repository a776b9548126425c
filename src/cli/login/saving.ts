import { catchError, concatMap, type OperatorFunction } from 'rxjs';
import { TokenError } from '../../login/errors.ts';
import type { Tokens } from '../../login/tokens.ts';
import type { TokenPlace } from './place.ts';
import { textOf } from './saved.ts';

/** Tokens that a command has received. */
export interface Received {
  readonly tokens: Tokens;
  /** Text to save or print. */
  readonly text: string;
  /** Error if the tokens could not be saved. */
  readonly unsaved: Error | undefined;
}

/**
 * Saves tokens before it emits them. Of an answer to a refresh that was invalid it saves the new refresh token, because the server may
 * accept no other one.
 *
 * @param file Not given if the tokens are to be printed.
 */
export function saving(file: TokenPlace | undefined): OperatorFunction<Tokens, Received> {
  return (source) =>
    source.pipe(
      catchError(async (error: unknown) => {
        // The error of the answer says more than one of the file.
        if (error instanceof TokenError && error.kept)
          await file?.replace(textOf(error.kept)).catch(() => undefined);
        throw error;
      }),
      concatMap(async (tokens) => {
        const text = textOf(tokens);
        const unsaved = await file?.replace(text).then(
          () => undefined,
          (error: unknown) => error as Error,
        );
        return { tokens, text, unsaved };
      }),
    );
}
