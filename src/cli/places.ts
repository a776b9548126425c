const keychain = 'keychain:';

/** Tells if a place to save tokens is an entry of the keychain of the system: `keychain:work`. */
export function isKeychain(place: string): boolean {
  return place.startsWith(keychain);
}

/** Gives the name of an entry of the keychain: `work` for `keychain:work`. */
export function entryOf(place: string): string {
  return place.slice(keychain.length);
}
