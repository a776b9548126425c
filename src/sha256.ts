import { hash } from 'node:crypto';

export function sha256(text: string, encoding: 'base64' | 'base64url'): string {
  // Without an object of its own, each of which would make a pause of the garbage collector longer.
  return hash('sha256', text, encoding);
}
