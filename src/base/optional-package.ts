import { CodedError } from './coded-error.ts';

/**
 * A package that this entry needs is not installed.
 *
 * @example
 * import { MissingPackageError, signIn } from 'rx-oauth-callback/login';
 *
 * signIn({ issuer: 'https://as.example', clientId: 'my-cli' }).subscribe((event) => {
 *   if (event.type === 'failed' && event.error instanceof MissingPackageError) console.error(event.error.missing);
 * });
 */
export class MissingPackageError extends CodedError {
  readonly code = 'missing_package';
  override readonly name = 'MissingPackageError';
  constructor(
    /** Name of the package in the npm registry. */
    readonly missing: string,
  ) {
    super(`the package ${missing} is required for this; run npm install ${missing}`);
  }
}

/** Loads an optional package. Rejects with `MissingPackageError` if it is not installed. */
export async function loadOptional<T>(name: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    if (isMissing(error, name)) throw new MissingPackageError(name);
    throw error;
  }
}

/**
 * Tells if an import failed because there is no such module. Node, Deno and Bun have the first code. `require`, webpack and
 * Turbopack have the second. Vite and esbuild have a message only.
 */
function isMissing(error: unknown, name: string): boolean {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND') return true;
  return /\b(?:resolve|find|require of)\b/i.test(message) && message.includes(name);
}
