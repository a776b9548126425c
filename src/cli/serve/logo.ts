import { readFileSync, statSync } from 'node:fs';
import { CommandError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';

/** Maximum size of the file: each page has the logo in it. */
const maxBytes = 102_400;

/** Types of images by the first bytes of a file, in latin1. */
const types: readonly (readonly [type: string, start: RegExp])[] = [
  ['png', /^\x89PNG\r\n\x1a\n/],
  ['jpeg', /^\xff\xd8\xff/],
  ['gif', /^GIF8[79]a/],
  ['webp', /^RIFF[^]{4}WEBP/],
  ['avif', /^[^]{4}ftypavi[fs]/],
  ['svg+xml', /^(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>|<!--[^]*?-->|<!DOCTYPE[^>]*>|\s)*<svg[\s>]/],
];

/**
 * Gives a logo as a data: URI, from the file if it is the path of one. Throws `CommandError` if that is no image.
 *
 * @param option Name of the option that has the logo, for messages.
 */
export function readLogo(given: string, option: string): string {
  if (given.startsWith('data:')) return given;
  const unusable = (reason: string): CommandError =>
    new CommandError(`${option} ${given} ${reason}`, exitCodes.usage);
  const content = contentOf(given, unusable);
  const [type] = types.find(([, start]) => start.test(content.toString('latin1'))) ?? [];
  if (type === undefined) throw unusable('must be an image: SVG, PNG, JPEG, GIF, WebP or AVIF');
  return `data:image/${type};base64,${content.toString('base64')}`;
}

function contentOf(file: string, unusable: (reason: string) => CommandError): Buffer {
  try {
    const found = statSync(file);
    // Reading a pipe could take forever.
    if (!found.isFile()) throw unusable('cannot be read: not a file');
    if (found.size > maxBytes) throw unusable(`must not be larger than ${maxBytes} bytes; got ${found.size}`);
    return readFileSync(file);
  } catch (error) {
    if (error instanceof CommandError) throw error;
    const { code = 'not readable' } = error as NodeJS.ErrnoException;
    throw unusable(`cannot be read: ${code === 'ENOENT' ? 'no such file' : code}`);
  }
}
