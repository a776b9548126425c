/** Every document with parts that are made from the code. */
import { document as requirements } from '../spec/conformance/document.ts';
import { documents as ofCommand } from './command.ts';
import type { Document } from './documents.ts';
import { document as options } from './options.ts';

export { ofCommand };
export const documents: readonly Document[] = [...ofCommand, options, requirements];
